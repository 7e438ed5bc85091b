// What a person is shown and asked by the provider: who they are, what a client may do, the code
// of a device. Knows nothing of clients and tokens.

import { text } from "node:stream/consumers";

const PLACE = /^\/interaction\/[\w-]+$/;
const REFUSED = {
  error: "access_denied",
  error_description: "The person refused.",
};

const escaped = (words) =>
  String(words).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

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

const QUESTIONS = {
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

// Who has signed in and what they allowed, as the provider keeps it.
const ANSWERS = {
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

// Answers a request for one of these pages; false for any other.
export const interact = async (provider, request, response) => {
  if (!PLACE.test(request.url)) return false;
  const interaction = await provider.interactionDetails(request, response);
  const { name } = interaction.prompt;
  if (request.method === "POST") {
    const fields = new URLSearchParams(await text(request));
    const result =
      fields.get("do") === "refuse" ? REFUSED : await ANSWERS[name](provider, interaction, fields);
    await provider.interactionFinished(request, response, result);
  } else {
    response.setHeader("Content-Type", "text/html; charset=utf-8");
    response.end(QUESTIONS[name](interaction));
  }
  return true;
};

// The pages of the device flow; the forms are the provider's own.
export const pages = {
  userCodeInputSource: (ctx, itsForm, _out, error) => {
    ctx.body = page(
      error ? "That did not work" : "Enter the code",
      `${itsForm}<button form="op.deviceInputForm">Continue</button>`,
    );
  },
  userCodeConfirmSource: (ctx, itsForm, _client, _device, code) => {
    ctx.body = page(
      "Is this the code?",
      `<p>${escaped(code)}</p>${itsForm}<button form="op.deviceConfirmForm">Yes</button>` +
        '<button form="op.deviceConfirmForm" name="abort" value="yes">No</button>',
    );
  },
  successSource: (ctx) => {
    ctx.body = page("The device is signed in", "");
  },
};
