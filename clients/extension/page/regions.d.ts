import type { Region } from "../answers.js";
export function boxes(regions: Region[], side: "query" | "reference"): HTMLElement;
export function legend(regions: Region[]): HTMLElement;
export function regionTable(regions: Region[], stage: HTMLElement, rates: object[]): HTMLElement;
