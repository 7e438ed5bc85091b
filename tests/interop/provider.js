// oidc-provider on a free loopback port, and on a second one over TLS where it is given a
// certificate.
//
// Reads one line of JSON from stdin, as settings.js understands it. Writes one line of JSON to
// stdout when it can be asked: its issuer. Ends when stdin does: it outlives its tests in no case,
// however they end.

import { once } from "node:events";
import { createServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { createInterface } from "node:readline";

import Provider from "oidc-provider";

import { count } from "./counters.js";
import { addGrants } from "./grants.js";
import { interact } from "./interactions.js";
import { configuration } from "./settings.js";

const STANDARD_PLACE = "/.well-known/oauth-authorization-server";

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

console.info = console.error; // stdout is for one line only
const settings = await settingsFromStdin();
const { path, tls } = settings;
const plain = createServer();
const secure = tls && createTlsServer({ ...tls, requestCert: true, rejectUnauthorized: false });
const issuer = `http:${await listening(plain)}${path}`;
const aliases = secure && `https:${await listening(secure)}${path}`;
const provider = new Provider(issuer, configuration(settings, aliases));
addGrants(provider, settings);
const seen = count(provider);
const callback = provider.callback();

// The provider believes to be at the root: what stands before it takes the issuer's path away.
const answer = async (request, response) => {
  if (request.url === "/seen") return seen(request, response);
  request.originalUrl = request.url;
  if (path && request.url === `${STANDARD_PLACE}${path}` && settings.standard_place) {
    request.url = STANDARD_PLACE;
    request.originalUrl = `${path}${STANDARD_PLACE}`;
  } else if (request.url.startsWith(`${path}/`)) {
    request.url = request.url.slice(path.length);
  } else {
    response.statusCode = 404;
    return response.end();
  }
  return (await interact(provider, request, response)) || callback(request, response);
};

// Whoever goes back to a page of a login that is over ends nothing but their own request.
const answerAll = (request, response) =>
  answer(request, response).catch((error) => {
    console.error(error);
    response.statusCode = 500;
    response.end();
  });

plain.on("request", answerAll);
secure?.on("request", answerAll);
process.stdout.write(`${JSON.stringify({ issuer })}\n`);
