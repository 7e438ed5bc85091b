// Runs oidc-provider on a free loopback port, and on a second one over TLS if it has a certificate.
//
// Reads its settings (see settings.js) as one line of JSON from stdin. Writes its issuer as one line
// of JSON to stdout when it is ready. Ends when stdin is closed, even if the tests are killed.

import { once } from "node:events";
import { createServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { createInterface } from "node:readline";

import Provider from "oidc-provider";

import { count } from "./counters.js";
import { addGrants } from "./grants.js";
import { interact } from "./interactions.js";
import { configuration } from "./settings.js";

const STANDARD_PATH = "/.well-known/oauth-authorization-server";

const settingsFromStdin = async () => {
  const lines = createInterface({ input: process.stdin });
  lines.on("close", () => process.exit(0));
  const [line] = await once(lines, "line");
  return JSON.parse(line);
};

const listening = async (server) => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return `//127.0.0.1:${server.address().port}`;
};

console.info = console.error; // stdout is only for the issuer
const settings = await settingsFromStdin();
const { path, tls } = settings;
const plain = createServer();
const secure = tls && createTlsServer({ ...tls, requestCert: true, rejectUnauthorized: false });
const issuer = `http:${await listening(plain)}${path}`;
const aliases = secure && `https:${await listening(secure)}${path}`;
const provider = new Provider(issuer, configuration(settings, aliases));
addGrants(provider, settings);
const counts = count(provider);
const callback = provider.callback();

// The provider runs at the root path, so the path of the issuer is removed from the URL.
const respond = async (request, response) => {
  if (request.url === "/counts") return counts(request, response);
  request.originalUrl = request.url;
  if (path && request.url === `${STANDARD_PATH}${path}` && settings.metadata_at_standard_path) {
    request.url = STANDARD_PATH;
    request.originalUrl = `${path}${STANDARD_PATH}`;
  } else if (request.url.startsWith(`${path}/`)) {
    request.url = request.url.slice(path.length);
  } else {
    response.statusCode = 404;
    return response.end();
  }
  return (await interact(provider, request, response)) || callback(request, response);
};

// Going back to a page of a finished sign-in raises an error, which must not end the process.
const handleRequest = (request, response) =>
  respond(request, response).catch((error) => {
    console.error(error);
    response.statusCode = 500;
    response.end();
  });

plain.on("request", handleRequest);
secure?.on("request", handleRequest);
process.stdout.write(`${JSON.stringify({ issuer })}\n`);
