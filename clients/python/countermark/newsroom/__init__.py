"""Newsrooms' long work: registering whole folders, and a hot folder.

for item in register_folders(["archive/"], "kept/", Options("https://registry.example", API_KEY)):
    print(item.path, item.outcome, item.record)
"""

from countermark.newsroom.folders import Options, register_folders
from countermark.newsroom.state import Item, Outcome
from countermark.newsroom.watching import Landed, WatchOptions, watch_folder

__all__ = ["Item", "Landed", "Options", "Outcome", "WatchOptions", "register_folders", "watch_folder"]
