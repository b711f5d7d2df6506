// Asking the server. Whatever goes wrong is a Refusal, with words for the reader.

const TOKEN = "peephole.token"; // kept until the tab is closed
const AWAY = 0; // the status where there is no answer
const BUSY = 503;
const PATIENCE = 8000; // milliseconds after which the reader is told that nothing has come

class Refusal extends Error {
  constructor(status, detail, hint, wait) {
    super(detail);
    Object.assign(this, { status, hint, wait });
  }
}

// JSON has no half characters, and the server reads them as U+FFFD anyway.
const written = (body) => JSON.stringify(body, (_, value) => (typeof value === "string" ? value.replace(/\p{Surrogate}/gu, "\ufffd") : value));

async function ask(path, body, { signal, accept = "application/json" } = {}) {
  const headers = { accept };
  if (body !== undefined) headers["content-type"] = "application/json";
  const token = sessionStorage.getItem(TOKEN);
  if (token && /^[\x21-\x7e]+$/.test(token)) headers.authorization = `Bearer ${token}`; // a header can hold no others
  try {
    const answer = await fetch(path, { method: body === undefined ? "GET" : "POST", headers, body: body && written(body), signal });
    if (answer.ok) return await (accept === "text/html" ? answer.blob() : answer.json());
    const problem = await answer.json().catch(() => ({}));
    throw new Refusal(answer.status, problem.detail || `The server answers ${answer.status}.`, problem.hint, answer.headers.get("retry-after"));
  } catch (error) {
    if (signal && signal.aborted) throw signal.reason;
    if (error instanceof Refusal) throw error;
    throw new Refusal(AWAY, "The server does not answer.", "It may have been stopped. The page goes on asking.");
  }
}

// Asks until there is an answer: a server that is busy or away is asked again, and `onwait` is told why one waits.
async function askOn(path, body, { onwait, ...options }) {
  for (let tries = 0; ; tries++) {
    const slow = setTimeout(() => onwait(new Refusal(AWAY, "The server has not answered yet.", "The page goes on waiting.")), PATIENCE);
    try {
      return await ask(path, body, options);
    } catch (error) {
      if (error.status !== AWAY && error.status !== BUSY) throw error;
      if (error.status === AWAY || tries > 1) onwait(error);
      await pause(1000 * (Number(error.wait) || 1), options.signal);
    } finally {
      clearTimeout(slow);
    }
  }
}

function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const waiting = setTimeout(resolve, milliseconds);
    if (signal) signal.addEventListener("abort", () => (clearTimeout(waiting), reject(signal.reason)), { once: true });
  });
}

// Runs the newest of what it is given, one at a time: what came in between is never asked. `seconds` after it began, what
// runs is given up as soon as there is something newer.
class Newest {
  constructor(patience = 400) {
    Object.assign(this, { patience, running: null, next: null });
  }

  run(work) {
    this.next = work;
    if (this.running === null) return this.#go();
    const left = this.patience - (performance.now() - this.running.began);
    const { stop } = this.running;
    if (left <= 0) stop.abort();
    else setTimeout(() => this.next && stop.abort(), left);
  }

  drop() {
    this.next = null;
    if (this.running !== null) this.running.stop.abort();
  }

  async #go() {
    while (this.next !== null) {
      const work = this.next;
      const stop = new AbortController();
      this.next = null;
      this.running = { stop, began: performance.now() };
      try {
        await work(stop.signal);
      } catch (error) {
        if (error.name !== "AbortError") console.error(error);
      }
    }
    this.running = null;
  }
}
