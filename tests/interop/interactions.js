// The pages of the provider: sign-in, consent and device codes. Must not know clients or tokens.

import { text } from "node:stream/consumers";

const PATH = /^\/interaction\/[\w-]+$/;
const REFUSED = {
  error: "access_denied",
  error_description: "The user refused.",
};

const escaped = (value) =>
  String(value).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

const page = (title, body) => `<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>${title}</title>
<main><h1>${title}</h1>${body}</main>
</html>`;

const form = (...parts) => `<form method="post">${parts.join("")}</form>`;
const button = (label, value) => `<button name="do" value="${value}">${label}</button>`;

const PAGES = {
  login: () =>
    page(
      "Sign in",
      form(
        '<label>Your name <input name="name"></label>',
        button("Sign in", "go on"),
        button("Cancel", "refuse"),
      ),
    ),
  consent: ({ params }) =>
    page(
      "Allow access?",
      `<p>${escaped(params.client_id)} asks for: ${escaped(params.scope ?? "nothing")}</p>` +
        form(button("Allow", "go on"), button("Refuse", "refuse")),
    ),
};

// The result of each page, in the form that the provider expects.
const RESULTS = {
  login: (_provider, _interaction, fields) => ({ login: { accountId: fields.get("name") } }),
  consent: async (provider, { params, prompt, session, grantId }) => {
    const { missingOIDCScope, missingResourceScopes } = prompt.details;
    const grant = grantId
      ? await provider.Grant.find(grantId)
      : new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
    if (missingOIDCScope) grant.addOIDCScope(missingOIDCScope.join(" "));
    for (const [resource, scopes] of Object.entries(missingResourceScopes ?? {})) {
      grant.addResourceScope(resource, scopes.join(" "));
    }
    return { consent: { grantId: await grant.save() } };
  },
};

export const interactionPath = (path, uid) => `${path}/interaction/${uid}`;

// Handles a request for one of these pages; returns false for any other request.
export const interact = async (provider, request, response) => {
  if (!PATH.test(request.url)) return false;
  const interaction = await provider.interactionDetails(request, response);
  const { name } = interaction.prompt;
  if (request.method === "POST") {
    const fields = new URLSearchParams(await text(request));
    const result =
      fields.get("do") === "refuse" ? REFUSED : await RESULTS[name](provider, interaction, fields);
    await provider.interactionFinished(request, response, result);
  } else {
    response.setHeader("Content-Type", "text/html; charset=utf-8");
    response.end(PAGES[name](interaction));
  }
  return true;
};

// The pages of the device grant, with the forms of the provider.
export const pages = {
  userCodeInputSource: (ctx, providerForm, _out, error) => {
    ctx.body = page(
      error ? "That did not work" : "Enter the code",
      `${providerForm}<button form="op.deviceInputForm">Continue</button>`,
    );
  },
  userCodeConfirmSource: (ctx, providerForm, _client, _device, code) => {
    ctx.body = page(
      "Is this the code?",
      `<p>${escaped(code)}</p>${providerForm}<button form="op.deviceConfirmForm">Yes</button>` +
        '<button form="op.deviceConfirmForm" name="abort" value="yes">No</button>',
    );
  },
  successSource: (ctx) => {
    ctx.body = page("The device is signed in", "");
  },
};
