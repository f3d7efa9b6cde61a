import type { Image, Publication, Stream } from './stream.ts';

/** Every stream the network agent has, by registration id. */
export class Streams {
  readonly publications: Map<number, Publication> = new Map();
  readonly images: Map<number, Image> = new Map();

  get(registrationId: number): Stream | null {
    return this.publications.get(registrationId) ?? this.images.get(registrationId) ?? null;
  }

  all(): Stream[] {
    return [...this.publications.values(), ...this.images.values()];
  }
}
