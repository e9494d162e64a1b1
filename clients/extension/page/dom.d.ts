/** What the extension uses of api/pages/static, which the archive holds below `page/`. */
export function h(name: string, attributes?: { [name: string]: unknown }, ...children: unknown[]): HTMLElement;
export function quoted(text: string): HTMLElement;
export function plain(text: unknown): string;
export function fact(term: unknown, ...values: unknown[]): HTMLElement[];
export function table(name: string, columns: string[], rows: unknown[][], options?: { caption?: boolean; stacked?: boolean }): HTMLElement;
