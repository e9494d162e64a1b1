"""Newsrooms' long work: registering whole folders, and a hot folder.

for item in register_folders(["archive/"], "kept/", Options("https://registry.example", API_KEY)):
    print(item.path, item.outcome, item.record)
"""

from countermark.newsroom.folders import Options, register_folders
from countermark.newsroom.state import Item, Outcome

__all__ = ["Item", "Options", "Outcome", "register_folders"]
