/**
 * Purser's usage API from TypeScript: one file, nothing but `fetch` (Node 18, Deno, Bun, workers). Copy it into your project.
 *
 *     const purser = new Purser("https://billing.example.com", key, { workspace: "cust_42" });
 *     const answer = await purser.hold({ model: "openai/gpt-4o-mini", text: prompt, max_output_tokens: 500 }, async (hold) => {
 *       const answer = await openai.chat.completions.create({ … });
 *       await hold.settle({ usage: answer.usage, usage_format: "openai" });
 *       return answer;
 *     });
 *
 * Amounts are the `_nano` strings of the answers, 10⁻⁹ credits: exact, while a number of JavaScript is not. `nano` makes a
 * bigint of them, `credits` a decimal text.
 *
 * What the portal refuses is a `Problem`, and nothing was charged then. A request that got no answer, or 429, 502, 503 or
 * 504, is sent again with the same ids for `patience` milliseconds, so it counts once however often it is sent.
 */

export type Quantity = number | string; // a decimal string is exact
export type Usage = Record<string, unknown>;
export type UsageFormat = "openai" | "anthropic" | "gemini";
export type Variant = Record<string, string | number | boolean | null>;
export type State = "healthy" | "low" | "stopped";

/** What is about to be asked: a usage to expect, or a text and how long the answer may be. */
export interface Asked {
  model?: string;
  usage?: Usage;
  usage_format?: UsageFormat;
  text?: string;
  max_output_tokens?: Quantity;
  variant?: Variant;
  project?: string;
  task?: string;
}

export interface Held extends Asked {
  max_credits?: Quantity; // hold exactly so many
  expires_in?: number; // seconds, at most 86,400
  agent?: string;
  app?: string;
}

/** What a request used. What is left out is taken from its hold. */
export interface Used {
  usage: Usage;
  usage_format?: UsageFormat;
  event_id?: string; // your own id of it: the same id is charged once
  model?: string;
  variant?: Variant;
  occurred_at?: string;
  project?: string;
  agent?: string;
  app?: string;
  task?: string;
  end_user?: string;
  metadata?: Record<string, unknown>;
}

export interface Event extends Used {
  event_id: string;
  hold?: string;
  workspace?: string; // service keys, in a batch
}

export interface Line {
  meter: string;
  quantity: number;
  price_usd: number;
  per: number;
  from_allowance: number;
}

export interface Estimate {
  estimated_credits_nano: string;
  balance_nano: string;
  balance_after_request_nano: string;
  sufficient: boolean;
  basis: string;
  note: string;
  lines: Line[];
}

export interface Authorization {
  hold: string;
  credits_nano: string;
  overdraft_nano: string;
  balance_nano: string;
  held_nano: string;
  expires_at: string;
  state: State;
  basis: string;
  note: string;
  lines: Line[];
}

export interface Recorded {
  event_id: string;
  credits_nano: string;
  balance_nano: string;
  held_nano: string;
  debt_nano: string;
  state: State;
  late: boolean;
  unrated: "" | "unknown_model" | "unknown_meter"; // why nothing was charged
  hold_status?: "settled" | "expired";
  lines: Line[];
}

export interface Issue {
  index: number;
  event_id: string | null;
  code: string;
  detail: string;
}

export interface Batch {
  accepted: number;
  duplicates: number;
  unrated: Issue[];
  rejected: Issue[];
  credits_nano: string;
  balance_nano: string | null; // null when the events are of several workspaces
}

export interface Summary {
  balance_nano: string;
  pending_nano: string;
  held_nano: string;
  debt_nano: string;
  state: State;
  runway_days: number | null;
}

export interface Options {
  workspace?: string; // service keys: the customer's id, theirs or yours
  timeout?: number; // of one attempt, milliseconds
  patience?: number; // of all attempts of a request, milliseconds
}

/** The portal's refusal. `code` is stable, `detail` is for people; `members` is the whole document. */
export class Problem extends Error {
  override readonly name = "Problem";
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly members: Record<string, unknown>;

  constructor(status: number, members: Record<string, unknown>) {
    super(`${status} ${members.code ?? ""}: ${members.detail ?? ""}`);
    this.status = status;
    this.members = members;
    this.code = String(members.code ?? "");
    this.detail = String(members.detail ?? "");
  }

  /** 402: how many nano-credits are missing for the request to go through. */
  get missing(): bigint | undefined {
    return typeof this.members.missing_nano === "string" ? nano(this.members.missing_nano) : undefined;
  }
}

/** No answer within the client's patience. It may have been done: repeat it with the same ids to find out. */
export class Unreachable extends Error {
  override readonly name = "Unreachable";
  readonly key: string | undefined; // the Idempotency-Key it was sent with, which `authorize` makes when none is given

  constructor(message: string, key?: string, options?: ErrorOptions) {
    super(message, options);
    this.key = key;
  }
}

/** The nano-credits of a `_nano` string. */
export function nano(text: string): bigint {
  return BigInt(text);
}

/** Nano-credits as credits: 72000000n is "0.072". */
export function credits(amount: bigint): string {
  const digits = (amount < 0n ? -amount : amount).toString().padStart(10, "0");
  const fraction = digits.slice(-9).replace(/0+$/, "");
  return `${amount < 0n ? "-" : ""}${digits.slice(0, -9)}${fraction && "."}${fraction}`;
}

const AGAIN = [429, 502, 503, 504];

export class Purser {
  readonly #url: string;
  readonly #headers: Record<string, string>;
  readonly #timeout: number;
  readonly #patience: number;

  constructor(url: string, key: string, options: Options = {}) {
    this.#url = url.replace(/\/+$/, "");
    this.#headers = { Authorization: `Bearer ${key}`, Accept: "application/json" };
    if (options.workspace) this.#headers["Purser-Workspace"] = options.workspace;
    this.#timeout = options.timeout ?? 10_000;
    this.#patience = options.patience ?? 30_000;
  }

  /** What a request would cost. Promises nothing. */
  estimate(asked: Asked): Promise<Estimate> {
    return this.call("POST", "/usage/estimate", asked);
  }

  /**
   * Hold credits for a request before it is made. The same `key` again answers with the same hold. A hold that was made
   * without your learning of it costs nothing and expires.
   */
  authorize(asked: Held, key: string = crypto.randomUUID()): Promise<Authorization> {
    return this.call("POST", "/usage/authorize", asked, key);
  }

  /** Charge what the request used to its hold; the rest of it is free again. Always records, above the hold too. */
  settle(hold: string, used: Used): Promise<Recorded> {
    return this.call("POST", `/usage/holds/${encodeURIComponent(hold)}/settle`, used);
  }

  /** Give a hold back: its request used nothing. */
  async release(hold: string): Promise<void> {
    await this.call("POST", `/usage/holds/${encodeURIComponent(hold)}/release`);
  }

  /** Let a hold live for so many seconds from now. */
  extend(hold: string, expires_in: number): Promise<{ expires_at: string }> {
    return this.call("POST", `/usage/holds/${encodeURIComponent(hold)}/extend`, { expires_in });
  }

  /** Record one completed request. It is charged whatever the balance is, once for each `event_id`. */
  usage(event: Event): Promise<Recorded> {
    return this.call("POST", "/usage", event);
  }

  /** Record up to 1,000 completed requests. A bad event rejects itself alone. */
  batch(events: Event[]): Promise<Batch> {
    return this.call("POST", "/usage/batch", { events });
  }

  /** What can be spent now. */
  summary(): Promise<Summary> {
    return this.call("GET", "/credits/summary");
  }

  /**
   * A hold for `work`, which settles it. When `work` ends or fails before, it is released. Once settling was tried it is not
   * released, whatever happens: what was used must be charged.
   */
  async hold<Result>(asked: Held, work: (hold: Hold) => Promise<Result>): Promise<Result> {
    const hold = new Hold(this, await this.authorize(asked));
    let result: Result;
    try {
      result = await work(hold);
    } catch (error) {
      await hold.release().catch(() => undefined); // it expires by itself; the error of `work` is the one to see
      throw error;
    }
    await hold.release();
    return result;
  }

  /** Any endpoint below /api/v1, for requests that may be repeated: reading, and writing with an id. */
  async call<Answer>(method: "GET" | "POST", path: string, body?: unknown, key?: string): Promise<Answer> {
    const headers = { ...this.#headers };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    if (key !== undefined) headers["Idempotency-Key"] = key;
    const request = { method, headers, body: body === undefined ? null : JSON.stringify(body) };
    const until = Date.now() + this.#patience;
    for (let pause = 100; ; pause = Math.min(pause * 2, 5_000)) {
      let failure: Error;
      let wait = pause * (0.5 + Math.random() / 2);
      try {
        const signal = AbortSignal.timeout(this.#timeout);
        const response = await fetch(`${this.#url}/api/v1${path}`, { ...request, signal });
        const text = await response.text();
        if (response.ok) return JSON.parse(text) as Answer;
        const problem = new Problem(response.status, documentOf(text));
        failure = problem;
        // When one of the requests that run ends, only their caller knows.
        if (AGAIN.includes(response.status) && problem.code !== "concurrency_exceeded") {
          wait = Number(response.headers.get("Retry-After")) * 1_000 || wait;
        } else {
          wait = Infinity;
        }
      } catch (error) {
        failure = new Unreachable(`${method} ${path}: ${error}`, key, { cause: error });
      }
      if (Date.now() + wait > until) throw failure;
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
}

/** Credits held for one request. */
export class Hold {
  readonly authorization: Authorization;
  readonly #purser: Purser;
  #ended = false;

  constructor(purser: Purser, authorization: Authorization) {
    this.#purser = purser;
    this.authorization = authorization;
  }

  get id(): string {
    return this.authorization.hold;
  }

  /** See `Purser.settle`. */
  settle(used: Used): Promise<Recorded> {
    this.#ended = true;
    return this.#purser.settle(this.id, used);
  }

  /** Give it back, unless it was settled or released before. */
  async release(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    await this.#purser.release(this.id);
  }

  extend(seconds: number): Promise<{ expires_at: string }> {
    return this.#purser.extend(this.id, seconds);
  }
}

function documentOf(text: string): Record<string, unknown> {
  try {
    const document: unknown = JSON.parse(text);
    if (typeof document === "object" && document !== null) return document as Record<string, unknown>;
  } catch {
    // a proxy in between
  }
  return { detail: text.slice(0, 200) };
}
