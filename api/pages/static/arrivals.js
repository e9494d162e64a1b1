// What is dropped on the page or pasted into it, from before its modules are there: a browser leaves a page on which
// nobody takes a dropped file. A classic script in the head, so that it runs before there is anything to drop on.

"use strict";

globalThis.arrivals = (() => {
  let waiting = null;
  let take = (brought) => {
    waiting = brought;
  };
  // Read at once: what a DataTransfer holds is gone after its event.
  const bring = (transfer, way) => take({ way, files: [...transfer.files], text: transfer.getData("text/uri-list") || transfer.getData("text/plain") });
  const over = (on) => document.body.classList.toggle("dragging", on);
  for (const kind of ["dragenter", "dragover"]) {
    document.addEventListener(kind, (event) => {
      event.preventDefault();
      over(true);
    });
  }
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) over(false);
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    over(false);
    bring(event.dataTransfer, "dropped");
  });
  document.addEventListener("paste", (event) => {
    const typing = event.target instanceof HTMLInputElement && event.target.type !== "file";
    if (!typing || event.clipboardData.files.length) bring(event.clipboardData, "pasted");
  });
  return {
    /** Has a function take what has come, and what comes from now on: {way, files, text}. Whether anything had come. */
    start(taker) {
      const early = waiting;
      take = taker;
      if (early) taker(early);
      return early !== null;
    },
  };
})();
