// Numbered messages to the kernel, kept until it says that it has them: what was lost on the way goes out again.

/** @typedef {{ content: Record<string, any>, buffers: ArrayBuffer[] }} Message */

/** Ms until the kernel is asked what has arrived, doubled with each question that it does not answer, up to the longest. */
export const CHECK = 1000;
export const LONGEST = 10_000;

export class Delivery {
  /** @type {Message[]} what the kernel has not confirmed, oldest first */
  #kept = [];
  /** Number of the last message that the kernel has confirmed. */
  #confirmed = 0;
  /** @type {{ check: number, seq: number } | null} the last question, and the last message before it */
  #asked = null;
  #checks = 0;
  #wait = CHECK;
  #paused = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #send;

  /** Number of the last message; the kernel puts messages back in order by it, and takes each number once. */
  seq = 0;

  /**
   * @param {(content: Record<string, any>, buffers?: ArrayBuffer[]) => void} send
   * @param {string} client names this page, since numbers count from 1 in each
   */
  constructor(send, client) {
    this.client = client;
    this.#send = send;
  }

  /** True while the kernel may lack something. */
  get pending() {
    return this.#kept.length > 0;
  }

  /**
   * @param {Record<string, any>} content
   * @param {ArrayBuffer[]} [buffers]
   */
  send(content, buffers = []) {
    this.seq += 1;
    const message = { content: { ...content, seq: this.seq, client: this.client }, buffers };
    this.#kept.push(message);
    this.#send(message.content, buffers);
    this.#watch();
  }

  /**
   * The kernel has all messages up to a number.
   *
   * @param {number} seen
   */
  confirm(seen) {
    if (seen <= this.#confirmed) return;
    this.#confirmed = seen;
    const first = this.#kept.findIndex(({ content }) => content.seq > seen);
    this.#kept = first < 0 ? [] : this.#kept.slice(first);
    if (this.pending) return;
    this.stop();
    this.#wait = CHECK;
  }

  /**
   * The answer to a question. Of what went out before the question, the kernel lacks all after `seen`, or has it out of
   * order; it knows by their numbers those that it has.
   *
   * @param {import("./protocol.js").SeenMessage} answer
   */
  answered({ client, check, seen }) {
    if (client !== this.client) return;
    this.confirm(seen);
    // An older question says nothing about what has been sent since, perhaps for the second time.
    if (this.#asked?.check !== check) return;
    const { seq } = this.#asked;
    this.#asked = null;
    this.#wait = CHECK;
    this.stop();
    if (this.pending) this.#watch();
    for (const { content, buffers } of this.#kept) if (content.seq <= seq) this.#send(content, buffers);
  }

  /** Ask nothing, whatever is sent: nobody is there to answer. */
  pause() {
    this.#paused = true;
    this.stop();
  }

  /** Ask again. */
  resume() {
    if (!this.#paused) return;
    this.#paused = false;
    this.#wait = CHECK;
    if (this.pending) this.#watch();
  }

  /** Ask no more, until something is sent. */
  stop() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #watch() {
    if (!this.#paused) this.#timer ??= setTimeout(() => this.#ask(), this.#wait);
  }

  #ask() {
    this.#timer = undefined;
    // A kernel at work answers late, and all questions at once: they must not pile up.
    this.#wait = Math.min(2 * this.#wait, LONGEST);
    this.#checks += 1;
    this.#asked = { check: this.#checks, seq: this.seq };
    this.#send({ type: "check", client: this.client, check: this.#checks, confirmed: this.#confirmed });
    this.#watch();
  }
}
