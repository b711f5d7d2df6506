// Asking the server. Whatever goes wrong is a Refusal, with words for the reader.

const TOKEN = "peephole.token"; // kept until the tab is closed

class Refusal extends Error {
  constructor(status, detail, hint, wait) {
    super(detail);
    Object.assign(this, { status, hint, wait });
  }
}

async function ask(path, body, { signal, accept = "application/json" } = {}) {
  const headers = { accept };
  if (body !== undefined) headers["content-type"] = "application/json";
  const token = sessionStorage.getItem(TOKEN);
  if (token) headers.authorization = `Bearer ${token}`;
  let answer;
  try {
    answer = await fetch(path, { method: body === undefined ? "GET" : "POST", headers, body: body && JSON.stringify(body), signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal(0, "The server does not answer.", "It may have been stopped; the page tries again when you type.");
  }
  if (answer.ok) return accept === "text/html" ? answer.blob() : answer.json();
  const problem = await answer.json().catch(() => ({}));
  throw new Refusal(answer.status, problem.detail || `The server answers ${answer.status}.`, problem.hint, answer.headers.get("retry-after"));
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
