// What a generated TypeScript client does: send two signals, and read what became of them. The compiler checks every name.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

declare const process: { argv: string[]; stdout: { write(text: string): void } };

const [url, project, ingest, manage, batch] = process.argv.slice(2) as [string, string, string, string, string];
const clientOf = (key: string) =>
  createClient<paths>({ baseUrl: url, headers: { Authorization: `Bearer ${key}` } });
const path = { project };

const sent: components["schemas"]["SignalBatch"] = JSON.parse(batch);
const answer = await clientOf(ingest).POST("/v1/projects/{project}/signals", { params: { path }, body: sent });
const letters = await clientOf(manage).GET("/v1/projects/{project}/dead-letters", { params: { path } });
if (!answer.data || !letters.data) throw new Error(JSON.stringify([answer.error, letters.error]));

const statuses: components["schemas"]["Status"][] = answer.data.results.map((result) => result.status);
const retry: components["schemas"]["Retry"][] = answer.data.results.map((result) => result.retry);
const reasons: components["schemas"]["Reason"][] = letters.data.dead_letters.map((letter) => letter.reason);
process.stdout.write(JSON.stringify({ statuses, retry, reasons }));
