// @ts-check
/**
 * What a click starts: the panel opens, and learns which picture is asked for. Nothing runs on a page before.
 * @module
 */

import { findPicture, listPictures } from "./pictures.js";

// One line for all of them: of two that fit, as of a picture in a link, browsers make a menu of their own below the menu.
const CONTEXTS = /** @type {const} */ (["image", "page", "frame", "link", "video", "selection", "editable"]);

chrome.runtime.onInstalled.addListener(() => {
  chrome.contextMenus.removeAll(() => {
    chrome.contextMenus.create({ id: "menu_check", contexts: [...CONTEXTS], title: chrome.i18n.getMessage("menu_check") });
  });
});

chrome.contextMenus.onClicked.addListener((info, tab) => {
  if (tab?.id === undefined) return;
  openPanel(tab);
  void check(info, tab, Date.now());
});

chrome.action.onClicked.addListener((tab) => {
  openPanel(tab);
  void choose(tab, Date.now());
});

/** At once: browsers let it open while they handle the click, and not later. @param {chrome.tabs.Tab} tab */
function openPanel(tab) {
  const { sidePanel, sidebarAction } = /** @type {any} */ (chrome);
  void (sidePanel ? sidePanel.open({ windowId: tab.windowId }) : sidebarAction.open());
}

/** @param {chrome.contextMenus.OnClickData} info @param {chrome.tabs.Tab} tab @param {number} number */
async function check(info, tab, number) {
  const found = await findPicture(info, /** @type {number} */ (tab.id));
  await (found ? tell("click", tab, { number, ...found }) : tell("choose", tab, { number }));
}

/** @param {chrome.tabs.Tab} tab @param {number} number */
async function choose(tab, number) {
  const [first] = await listPictures(/** @type {number} */ (tab.id)).catch(() => []);
  await (first?.kind === "document" ? tell("click", tab, { number, ...first }) : tell("choose", tab, { number }));
}

/** @param {"click" | "choose"} what @param {chrome.tabs.Tab} tab @param {object} asked numbered by when */
async function tell(what, { id, windowId, url }, asked) {
  const pageOrigin = url ? new URL(url).origin : "";
  await chrome.storage.session.set({ [what]: { windowId, tabId: id, pageOrigin, ...asked } });
}
