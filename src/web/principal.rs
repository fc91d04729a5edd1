//! The visitor whom App Service Authentication has signed in, from the headers that it adds to a request
//! (<https://learn.microsoft.com/azure/app-service/configure-authentication-user-identities>).
//!
//! The platform removes these headers from what clients send, but only while its authentication is on. Whoever calls this
//! has checked that it is.

use std::borrow::Cow;

use axum::http::{HeaderMap, HeaderName};
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;
use uuid::Uuid;

use crate::config::Principal;

const PRINCIPAL: HeaderName = HeaderName::from_static("x-ms-client-principal");
const ID: HeaderName = HeaderName::from_static("x-ms-client-principal-id");
const NAME: HeaderName = HeaderName::from_static("x-ms-client-principal-name");

/// The provider whose claims are believed: Entra.
const ENTRA: &str = "aad";

/// The claims that hold an account's user principal name. An address of e-mail is none: its owner can change it.
const ACCOUNT_CLAIMS: [&str; 3] = [
    "preferred_username",
    "upn",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn",
];
const ID_CLAIMS: [&str; 2] = ["oid", "http://schemas.microsoft.com/identity/claims/objectidentifier"];
const ROLE_CLAIMS: [&str; 2] = ["roles", "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"];

/// The longest name that is shown and recorded.
const NAME_MAX: usize = 200;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A visitor who is signed in.
#[derive(Debug, PartialEq, Eq)]
pub struct SignedIn {
    /// The name of the account, or what else identifies it.
    pub name: String,
    accounts: Vec<String>,
    object_id: Option<Uuid>,
    roles: Vec<String>,
}

/// The headers name a visitor, but not clearly.
#[derive(Debug, PartialEq, Eq)]
pub struct Unclear;

#[derive(Deserialize)]
struct ClientPrincipal {
    auth_typ: String,
    claims: Vec<Claim>,
}

#[derive(Deserialize)]
struct Claim {
    typ: String,
    val: String,
}

impl SignedIn {
    /// The visitor that these headers name; `None` if they name nobody.
    pub fn read(headers: &HeaderMap) -> Result<Option<Self>, Unclear> {
        let Some(encoded) = only(headers, &PRINCIPAL)? else {
            return Ok(None);
        };
        let json = BASE64.decode(&*encoded).map_err(|_| Unclear)?;
        let principal: ClientPrincipal = serde_json::from_slice(&json).map_err(|_| Unclear)?;
        let id = only(headers, &ID)?;
        let header_name = only(headers, &NAME)?.map(Cow::into_owned);
        if principal.auth_typ != ENTRA {
            let name = header_name.unwrap_or_else(|| format!("an account of {}", principal.auth_typ));
            return Ok(Some(Self {
                name: shortened(&name),
                accounts: Vec::new(),
                object_id: None,
                roles: Vec::new(),
            }));
        }
        let accounts = principal.each_once(&ACCOUNT_CLAIMS)?;
        let mut object_ids = principal.each_once(&ID_CLAIMS)?;
        object_ids.extend(id.map(Cow::into_owned));
        let mut object_id = None;
        for text in object_ids {
            let other = Uuid::try_parse(&text).map_err(|_| Unclear)?;
            if object_id.is_some_and(|id| id != other) {
                return Err(Unclear);
            }
            object_id = Some(other);
        }
        let name = accounts
            .first()
            .cloned()
            .or(header_name)
            .or_else(|| object_id.map(|id| id.to_string()))
            .ok_or(Unclear)?;
        Ok(Some(Self {
            name: shortened(&name),
            accounts,
            object_id,
            roles: principal.values(&ROLE_CLAIMS).map(str::to_owned).collect(),
        }))
    }

    /// Whether the list has this visitor.
    #[must_use]
    pub fn is_listed(&self, principals: &[Principal]) -> bool {
        principals.iter().any(|principal| match principal {
            Principal::Account(account) => self.accounts.contains(account),
            Principal::ObjectId(id) => self.object_id == Some(*id),
            Principal::Role(role) => self.roles.contains(role),
        })
    }
}

impl ClientPrincipal {
    fn values(&self, types: &[&str]) -> impl Iterator<Item = &str> {
        let claims = self.claims.iter().filter(|claim| types.contains(&claim.typ.as_str()));
        claims.map(|claim| claim.val.as_str())
    }

    /// The values of claims that a visitor has at most once each, in lower case. (A guest has two names of an account, but
    /// in two claims.)
    fn each_once(&self, types: &[&'static str]) -> Result<Vec<String>, Unclear> {
        let mut found = Vec::new();
        for typ in types {
            let mut values = self.values(std::slice::from_ref(typ)).map(str::to_lowercase);
            let first = values.next();
            if values.any(|other| Some(&other) != first.as_ref()) {
                return Err(Unclear);
            }
            found.extend(first);
        }
        Ok(found)
    }
}

/// The value of a header that a request has at most once; an empty one counts as none. A name need not be ASCII. What is
/// not UTF-8 becomes replacement characters, which are valid in a name only.
fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<Cow<'h, str>>, Unclear> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Unclear);
    }
    let text = String::from_utf8_lossy(value.as_bytes().trim_ascii());
    Ok((!text.is_empty()).then_some(text))
}

fn shortened(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(NAME_MAX).collect()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    const OID: &str = "0b6e2b9e-0d5c-4d34-9d0f-0a4f0b0f6a01";
    const LONG_OID: &str = "http://schemas.microsoft.com/identity/claims/objectidentifier";

    fn headers(principal: &[u8]) -> HeaderMap {
        HeaderMap::from_iter([(PRINCIPAL, HeaderValue::from_bytes(principal).unwrap())])
    }

    fn encoded(json: &Value) -> HeaderMap {
        headers(BASE64.encode(json.to_string()).as_bytes())
    }

    fn principal(claims: &[(&str, &str)]) -> Value {
        let claims: Vec<_> = claims
            .iter()
            .map(|(typ, val)| json!({"typ": typ, "val": val}))
            .collect();
        json!({"auth_typ": "aad", "claims": claims, "name_typ": "name", "role_typ": "roles"})
    }

    fn listed(claims: &[(&str, &str)], list: &Principal) -> bool {
        let signed_in = SignedIn::read(&encoded(&principal(claims))).unwrap().unwrap();
        signed_in.is_listed(std::slice::from_ref(list))
    }

    #[test]
    fn an_account_an_object_id_or_a_role_admits() {
        let ada = Principal::Account("ada@contoso.com".into());
        let oid = Principal::ObjectId(OID.parse().unwrap());
        let role = Principal::Role("Staff".into());
        for (claims, list, wanted) in [
            (&[("preferred_username", "Ada@Contoso.com")][..], &ada, true),
            (
                &[("upn", "a_b#EXT#@t.com"), ("preferred_username", "ada@contoso.com")],
                &ada,
                true,
            ),
            (&[("oid", OID)], &oid, true),
            (&[(LONG_OID, OID)], &oid, true),
            (&[("oid", OID), ("roles", "Reader"), ("roles", "Staff")], &role, true),
            // What a visitor can choose is not believed.
            (&[("oid", OID), ("name", "ada@contoso.com")], &ada, false),
            (&[("oid", OID), ("email", "ada@contoso.com")], &ada, false),
            (&[("upn", "bob@contoso.com"), ("name", OID)], &oid, false),
            (&[("upn", "bob@contoso.com"), ("groups", "Staff")], &role, false),
            (&[("upn", "Staff")], &role, false),
            (&[("upn", "bob@contoso.com"), ("roles", "ada@contoso.com")], &ada, false),
            (&[("upn", "bob@contoso.com"), ("roles", "staff")], &role, false),
        ] {
            assert_eq!(listed(claims, list), wanted, "{claims:?} {list:?}");
        }
    }

    #[test]
    fn another_provider_admits_nobody() {
        let mut value = principal(&[("upn", "ada@contoso.com"), ("oid", OID), ("roles", "Staff")]);
        value["auth_typ"] = "google".into();
        let signed_in = SignedIn::read(&encoded(&value)).unwrap().unwrap();
        let everything = [
            Principal::Account("ada@contoso.com".into()),
            Principal::ObjectId(OID.parse().unwrap()),
            Principal::Role("Staff".into()),
        ];
        assert!(!signed_in.is_listed(&everything));
        assert_eq!(signed_in.name, "an account of google");
    }

    #[test]
    fn headers_that_contradict_each_other_are_unclear() {
        let other = "1b6e2b9e-0d5c-4d34-9d0f-0a4f0b0f6a01";
        for claims in [
            &[("oid", OID), ("oid", other)][..],
            &[("oid", OID), (LONG_OID, other)],
            &[("oid", "not an id")],
            &[("upn", "ada@contoso.com"), ("upn", "bob@contoso.com")],
            &[],
            &[("name", "Ada")],
        ] {
            assert_eq!(SignedIn::read(&encoded(&principal(claims))), Err(Unclear), "{claims:?}");
        }
        let good = encoded(&principal(&[("oid", OID)]));
        assert!(SignedIn::read(&good).unwrap().is_some());
        for (name, value) in [(ID, other), (ID, "x"), (PRINCIPAL, "e30=")] {
            let mut headers = good.clone();
            headers.append(name, value.parse().unwrap());
            assert_eq!(SignedIn::read(&headers), Err(Unclear), "{value}");
        }
        assert_eq!(SignedIn::read(&HeaderMap::new()), Ok(None));
        assert_eq!(SignedIn::read(&headers(b" ")), Ok(None));
    }

    #[test]
    fn a_name_may_have_any_bytes() {
        for (claims, bytes, wanted) in [
            (&[("oid", OID)][..], "jörg@contoso.com".as_bytes(), "jörg@contoso.com"),
            (&[("oid", OID)], b"j\xf6rg@contoso.com", "j\u{fffd}rg@contoso.com"),
            (&[("upn", "JÖRG@contoso.com")], b"\xff", "jörg@contoso.com"),
        ] {
            let mut headers = encoded(&principal(claims));
            headers.insert(NAME, HeaderValue::from_bytes(bytes).unwrap());
            let signed_in = SignedIn::read(&headers).unwrap().unwrap();
            assert_eq!(signed_in.name, wanted);
            let by_header = [
                Principal::Account(wanted.to_owned()),
                Principal::Role(wanted.to_owned()),
            ];
            assert_eq!(
                signed_in.is_listed(&by_header),
                claims[0].0 == "upn",
                "only the claims count"
            );
        }
    }

    #[test]
    fn what_is_not_a_principal_is_unclear() {
        let huge = principal(&vec![("oid", OID); 100_000]).to_string();
        for json in [
            "",
            "null",
            "[]",
            "{}",
            "\"aad\"",
            "{\"auth_typ\":\"aad\"}",
            "{\"auth_typ\":\"aad\",\"claims\":{}}",
            "{\"auth_typ\":\"aad\",\"claims\":[{\"typ\":\"oid\"}]}",
            "{\"auth_typ\":\"aad\",\"claims\":[{\"typ\":\"oid\",\"val\":7}]}",
            "{\"auth_typ\":\"google\",\"auth_typ\":\"aad\",\"claims\":[]}",
            &"[".repeat(100_000),
        ] {
            let headers = headers(BASE64.encode(format!("{json} ")).as_bytes());
            assert_eq!(SignedIn::read(&headers), Err(Unclear), "{json:.100}");
        }
        for bytes in [&b"*"[..], b"\xff\xfe", b"e30=e30=", huge.as_bytes()] {
            assert_eq!(SignedIn::read(&headers(bytes)), Err(Unclear));
        }
    }

    proptest! {
        /// Whatever the headers hold, they admit nobody unless the JSON has the listed account.
        #[test]
        fn random_headers_admit_nobody(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
            text in "[A-Za-z0-9+/=]{0,100}",
            claims in proptest::collection::vec(("oid|upn|roles|name|preferred_username|.{0,9}", ".{0,40}"), 0..9),
        ) {
            let list = [Principal::Account("ada@contoso.com".into()), Principal::Role("The staff".into())];
            let claims: Vec<_> = claims.iter().map(|(typ, val)| (typ.as_str(), val.as_str())).collect();
            let header_sets = [
                HeaderValue::from_bytes(&bytes).ok().map(|value| HeaderMap::from_iter([(PRINCIPAL, value)])),
                Some(headers(text.as_bytes())),
                Some(headers(BASE64.encode(&bytes).as_bytes())),
                Some(encoded(&principal(&claims))),
            ];
            for headers in header_sets.into_iter().flatten() {
                if let Ok(Some(signed_in)) = SignedIn::read(&headers) {
                    prop_assert!(!signed_in.is_listed(&list));
                    prop_assert!(signed_in.name.chars().count() <= NAME_MAX);
                }
            }
        }
    }
}
