/** An open directory as the addon needs it: the descriptor, and a path for messages. Every `Dir` is one. */
export interface OpenDirectory {
  readonly fd: number;
  readonly path: string;
}
