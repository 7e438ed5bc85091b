// The configuration of oidc-provider, made from the settings of a test module.
//
// Settings: clients (metadata), scopes, resources (URI: its scope), lifetimes (seconds of an access
// token, by client id), device_code_lifetime (seconds, by client id), path of the issuer,
// require_par, tls (key, cert, ca). The rest are defaults of oidc-provider: refresh tokens of public
// clients rotate, those of confidential clients only when they are old.

import { errors } from "oidc-provider";

import { interactionPath, pages } from "./interactions.js";

const DEFAULT_LIFETIME = 600;

const CLIENT_DEFAULTS = {
  grant_types: ["client_credentials"],
  redirect_uris: [],
  response_types: [],
  token_endpoint_auth_method: "client_secret_basic",
};

const METHODS = [
  "client_secret_basic",
  "client_secret_jwt",
  "client_secret_post",
  "none",
  "private_key_jwt",
];
const TLS_METHODS = ["self_signed_tls_client_auth", "tls_client_auth"];

const certificateOf = (ctx) => ctx.socket.getPeerX509Certificate?.();

const mutualTls = {
  enabled: true,
  certificateAuthorized: (ctx) => ctx.socket.authorized,
  certificateSubjectMatches: (ctx, property, expected) =>
    property === "tls_client_auth_san_dns" &&
    certificateOf(ctx).checkHost(expected, { subject: "never" }) === expected,
  getCertificate: certificateOf,
  selfSignedTlsClientAuth: true,
  tlsClientAuth: true,
};

const aliasesAt = (base) => ({
  device_authorization_endpoint: `${base}/device/auth`,
  introspection_endpoint: `${base}/token/introspection`,
  pushed_authorization_request_endpoint: `${base}/request`,
  revocation_endpoint: `${base}/token/revocation`,
  token_endpoint: `${base}/token`,
});

export const configuration = (settings, aliases) => {
  const { clients, lifetimes, device_code_lifetime, path, resources, scopes } = settings;
  const lifetime = (_ctx, _token, client) => lifetimes[client.clientId] ?? DEFAULT_LIFETIME;
  return {
    clients: clients.map((client) => ({ ...CLIENT_DEFAULTS, ...client })),
    clientAuthMethods: aliases ? [...METHODS, ...TLS_METHODS] : METHODS,
    discovery: aliases ? { mtls_endpoint_aliases: aliasesAt(aliases) } : {},
    enabledJWA: {
      clientAuthSigningAlgValues: ["HS256", "RS256", "PS256", "ES256", "EdDSA"],
    },
    expiresWithSession: () => false,
    features: {
      clientCredentials: { enabled: true },
      deviceFlow: { enabled: true, ...pages },
      devInteractions: { enabled: false },
      introspection: {
        enabled: true,
        allowedPolicy: (_ctx, client, token) =>
          client.clientId === "resource-server" || client.clientId === token.clientId,
      },
      mTLS: aliases ? mutualTls : { enabled: false },
      pushedAuthorizationRequests: {
        enabled: true,
        requirePushedAuthorizationRequests: settings.require_par,
      },
      resourceIndicators: {
        enabled: true,
        // If several resources are requested, the token is for the first one.
        defaultResource: (_ctx, _client, several) => several?.[0],
        getResourceServerInfo: (_ctx, uri) => {
          if (!(uri in resources)) throw new errors.InvalidTarget("no such resource");
          return { scope: resources[uri], audience: uri };
        },
      },
      revocation: {
        enabled: true,
        allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId,
      },
    },
    findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    interactions: { url: (_ctx, { uid }) => interactionPath(path, uid) },
    issueRefreshToken: (_ctx, client) => client.grantTypeAllowed("refresh_token"),
    scopes,
    ttl: {
      AccessToken: lifetime,
      ClientCredentials: lifetime,
      DeviceCode: (_ctx, _code, client) => device_code_lifetime[client.clientId] ?? DEFAULT_LIFETIME,
    },
  };
};
