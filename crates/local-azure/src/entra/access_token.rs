//! Access tokens in the version that the application asks for to which they are sent (`requestedAccessTokenVersion`).
//! <https://learn.microsoft.com/entra/identity-platform/access-tokens#token-formats>

use serde_json::json;

use super::shared::Shared;
use crate::state::State;
use crate::tokens::Claims;

/// Signs a token with these claims, in version 2.0 if its resource is an application that asks for that.
pub fn sign(shared: &Shared, state: &State, claims: &Claims) -> String {
    let wants_v2 = state.application_of(&claims.aud).filter(|api| {
        let version = api.properties.get("api").map(|api| &api["requestedAccessTokenVersion"]);
        version.is_some_and(|version| version == 2)
    });
    let Some(api) = wants_v2 else {
        return shared.azure.sign(claims);
    };
    let mut token = json!({
        "aud": api.client_id,
        "iss": shared.issuer_v2(),
        "iat": claims.iat,
        "nbf": claims.nbf,
        "exp": claims.exp,
        "aio": claims.aio,
        "azp": claims.appid,
        "azpacr": claims.appidacr,
        "oid": claims.oid,
        "rh": claims.rh,
        "sub": claims.sub,
        "tid": claims.tid,
        "uti": claims.uti,
        "ver": "2.0",
    });
    for (name, value) in [
        ("name", &claims.name),
        ("preferred_username", &claims.upn),
        ("scp", &claims.scp),
    ] {
        if let Some(value) = value {
            token[name] = value.as_str().into();
        }
    }
    if !claims.roles.is_empty() {
        token["roles"] = claims.roles.clone().into();
    }
    if !claims.groups.is_empty() {
        token["groups"] = json!(claims.groups);
    }
    shared.azure.keys().sign(&token)
}
