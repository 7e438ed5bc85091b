// Two custom grants for oidc-provider, which it does not have: token exchange (RFC 8693) and the JWT
// bearer grant (RFC 7523). They issue access tokens for a user. Assertions are verified by jose, as
// the provider does.
//
// Settings: assertion_issuers (issuer: public JWK).

import { createLocalJWKSet, jwtVerify } from "jose";
import { errors } from "oidc-provider";

const ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token";
const EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange";
const JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer";

// Issues an access token of this client for a user, for one resource if one is requested.
const issueToken = async (provider, { resources }, ctx, accountId) => {
  const { client, params } = ctx.oidc;
  if (params.resource && !(params.resource in resources)) {
    throw new errors.InvalidTarget("no such resource");
  }
  const grant = new provider.Grant({ accountId, clientId: client.clientId });
  const token = new provider.AccessToken({
    accountId,
    client,
    grantId: await grant.save(),
    gty: params.grant_type,
    scope: params.scope,
  });
  if (params.resource) token.setAudience(params.resource);
  return {
    access_token: await token.save(),
    expires_in: token.expiration,
    scope: token.scope,
    token_type: token.tokenType,
  };
};

const exchange = (provider, settings) => async (ctx) => {
  const { subject_token: value, subject_token_type: kind, actor_token: actor } = ctx.oidc.params;
  if (kind !== ACCESS_TOKEN) throw new errors.InvalidRequest("subject_token_type is not supported");
  const subject = await provider.AccessToken.find(value);
  if (!subject) throw new errors.InvalidRequest("subject_token is not valid");
  if (actor && !(await provider.ClientCredentials.find(actor))) {
    throw new errors.InvalidRequest("actor_token is not valid");
  }
  const granted = await issueToken(provider, settings, ctx, subject.accountId);
  ctx.body = { ...granted, issued_token_type: ACCESS_TOKEN };
};

const jwtBearer = (provider, settings) => async (ctx) => {
  const { assertion_issuers } = settings;
  let claims;
  try {
    ({ payload: claims } = await jwtVerify(
      ctx.oidc.params.assertion,
      createLocalJWKSet({ keys: Object.values(assertion_issuers) }),
      { audience: provider.issuer, issuer: Object.keys(assertion_issuers), requiredClaims: ["exp", "sub"] },
    ));
  } catch (cause) {
    throw new errors.InvalidGrant("the assertion is not valid", undefined, { cause });
  }
  if (!(await provider.ReplayDetection.unique(claims.iss, claims.jti, claims.exp))) {
    throw new errors.InvalidGrant("the assertion was used before");
  }
  ctx.body = await issueToken(provider, settings, ctx, claims.sub);
};

export const addGrants = (provider, settings) => {
  provider.registerGrantType(EXCHANGE, exchange(provider, settings), [
    ...["actor_token", "actor_token_type", "audience", "requested_token_type", "resource"],
    ...["scope", "subject_token", "subject_token_type"],
  ]);
  provider.registerGrantType(JWT_BEARER, jwtBearer(provider, settings), [
    ...["assertion", "resource", "scope"],
  ]);
};
