// oidc-provider on a free loopback port.
//
// Reads one line of JSON from stdin: clients, the scopes there are, and the lifetime of each
// client's tokens in seconds. Writes one line of JSON to stdout when it can be asked: its issuer.
// Ends when stdin does: it outlives its tests in no case, however they end.

import { once } from "node:events";
import { createServer } from "node:http";
import { createInterface } from "node:readline";

import Provider from "oidc-provider";

const DEFAULT_LIFETIME = 600;

const settingsFromStdin = async () => {
  const lines = createInterface({ input: process.stdin });
  lines.on("close", () => process.exit(0));
  const [line] = await once(lines, "line");
  return JSON.parse(line);
};

const makeProvider = (issuer, { clients, scopes, lifetimes }) =>
  new Provider(issuer, {
    clients: clients.map((client) => ({
      grant_types: ["client_credentials"],
      redirect_uris: [],
      response_types: [],
      token_endpoint_auth_method: "client_secret_basic",
      ...client,
    })),
    clientAuthMethods: ["client_secret_basic"],
    scopes,
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      introspection: {
        enabled: true,
        allowedPolicy: (_ctx, client) => client.clientId === "resource-server",
      },
      revocation: { enabled: true, allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId },
    },
    ttl: {
      ClientCredentials: (_ctx, _token, client) => lifetimes[client.clientId] ?? DEFAULT_LIFETIME,
    },
  });

// What the token endpoint did, as told by the provider's own events.
const count = (provider) => {
  const seen = { granted: 0, refused: 0, failed: 0 };
  provider.on("grant.success", () => (seen.granted += 1));
  provider.on("grant.error", () => (seen.refused += 1));
  provider.on("server_error", (_ctx, error) => {
    seen.failed += 1;
    console.error(error);
  });
  return seen;
};

console.info = console.error; // stdout is for one line only
const settings = await settingsFromStdin();
const server = createServer();
server.listen(0, "127.0.0.1");
await once(server, "listening");
const issuer = `http://127.0.0.1:${server.address().port}`;
const provider = makeProvider(issuer, settings);
const seen = count(provider);
const answer = provider.callback();
server.on("request", (request, response) => {
  if (request.url !== "/seen") return answer(request, response);
  response.setHeader("Content-Type", "application/json");
  return response.end(JSON.stringify(seen));
});
process.stdout.write(`${JSON.stringify({ issuer })}\n`);
