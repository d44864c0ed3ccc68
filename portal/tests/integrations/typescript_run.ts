// A program with the TypeScript client; prints what came of it as JSON. Takes the portal's address, one on which the first
// answers are lost, a key, and one of a workspace that may make one request at a time. Run by test_typescript_client.py.
import { credits, type Event, nano, Problem, Purser, Unreachable } from "../../../docs/integrations/typescript/purser.ts";

const [url = "", losing = "", key = "", narrowKey = ""] = Deno.args;
const model = "openai/gpt-4o-mini";
const usage = { input_tokens: 1200, output_tokens: 300 };
const purser = new Purser(url, key);
const told: Record<string, unknown> = {};

async function refusal(work: () => Promise<unknown>): Promise<Problem | Unreachable> {
  try {
    await work();
  } catch (error) {
    if (error instanceof Problem || error instanceof Unreachable) return error;
    throw error;
  }
  throw new Error("it was not refused");
}

const estimate = await purser.estimate({ model, usage });
told.estimate = [credits(nano(estimate.estimated_credits_nano)), estimate.sufficient];

const held = await purser.authorize({ model, max_credits: "0.000000001", expires_in: 60 });
told.held = [credits(nano(held.held_nano)), credits(nano(held.balance_nano))];
const later = await purser.extend(held.hold, 3_600);
told.extended = Date.parse(later.expires_at) > Date.parse(held.expires_at);
const settled = await purser.settle(held.hold, { usage });
told.settled = [credits(nano(settled.credits_nano)), credits(nano(settled.balance_nano)), settled.hold_status];

told.block = await purser.hold({ model, text: "Write a haiku.", max_output_tokens: 300 }, async (hold) => {
  const charged = await hold.settle({ usage: { prompt_tokens: 1200, completion_tokens: 300 }, usage_format: "openai" });
  return credits(nano(charged.credits_nano));
});
await purser.hold({ model, max_credits: 2 }, () => Promise.resolve());
try {
  await purser.hold({ model, max_credits: 2 }, () => Promise.reject(new RangeError("no answer")));
} catch (error) {
  told.failed = String(error);
}
told.left = nano((await purser.summary()).held_nano).toString();
told.kept = String(
  await refusal(() => purser.hold({ model, max_credits: 2 }, (hold) => hold.settle({ usage: { input_tokens: "many" } }))),
);
told.still = credits(nano((await purser.summary()).held_nano));

const poor = await refusal(() => purser.authorize({ model, max_credits: 5_000 }));
if (poor instanceof Problem) told.poor = [poor.status, poor.code, poor.missing?.toString()];

const narrow = new Purser(url, narrowKey, { patience: 60_000 });
const only = await narrow.authorize({ model, max_credits: 1 });
const asked = Date.now();
const more = await refusal(() => narrow.authorize({ model, max_credits: 1 }));
if (more instanceof Problem) told.narrow = [more.status, more.code, Date.now() - asked < 5_000 ? "at once" : "late"];
await narrow.release(only.hold);

const events: Event[] = [{ event_id: "a", model, usage }, { event_id: "a", model, usage }, { event_id: "b", model: "no/one", usage }];
const batch = await purser.batch(events);
told.batch = [batch.accepted, batch.duplicates, batch.unrated.map((issue) => issue.code), batch.credits_nano];

const patient = new Purser(losing, key);
const again = await patient.authorize({ model, max_credits: 1 });
await patient.settle(again.hold, { usage });
await patient.usage({ event_id: "c", model, usage });
told.impatient = (await refusal(() => new Purser("http://127.0.0.1:9", key, { patience: 300 }).summary())).name;

const lost = await refusal(() => new Purser("http://127.0.0.1:9", key, { patience: 0 }).authorize({ model, max_credits: 1 }));
told.key = lost instanceof Unreachable ? lost.key?.length : undefined;

told.texts = [0n, 1n, -1n, 72_000_000n, 1_000_000_000n, -12_500_000_000n].map(credits);
told.balance = credits(nano((await purser.summary()).balance_nano));
console.log(JSON.stringify(told));
