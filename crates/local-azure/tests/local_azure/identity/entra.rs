//! The tenant's authority, tested with plain requests.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use local_azure::entra::add_secret;
use local_azure::state::FederatedCredential;
use local_azure::tokens::now;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::rig::{AUDIENCE, STORAGE, SUBJECT, Tenant, send};

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

type Pairs = Vec<(&'static str, String)>;

/// A request for a token of an application or a managed identity, without credentials.
fn request(client_id: Uuid) -> Pairs {
    vec![
        ("grant_type", "client_credentials".to_owned()),
        ("client_id", client_id.to_string()),
        ("scope", format!("{STORAGE}/.default")),
    ]
}

fn with(mut pairs: Pairs, name: &'static str, value: &str) -> Pairs {
    pairs.retain(|(key, _)| *key != name);
    if !value.is_empty() {
        pairs.push((name, value.to_owned()));
    }
    pairs
}

fn asserting(client_id: Uuid, assertion: &str) -> Pairs {
    let pairs = with(request(client_id), "client_assertion_type", JWT_BEARER);
    with(pairs, "client_assertion", assertion)
}

impl Tenant {
    async fn post(&self, form: &Pairs) -> (u16, Value) {
        send(self.https().post(self.entra().token_url()).form(form)).await
    }

    /// The claims of the token in the response.
    async fn granted(&self, form: &Pairs) -> local_azure::tokens::Claims {
        let (status, answer) = self.post(form).await;
        assert_eq!(status, 200, "{answer}");
        self.verified(answer["access_token"].as_str().unwrap(), STORAGE)
    }

    async fn refused(&self, form: &Pairs, status: u16, error: &str, code: u32) {
        let (found, answer) = self.post(form).await;
        assert_eq!((found, &answer["error"]), (status, &json!(error)), "{answer}");
        assert_eq!(answer["error_codes"], json!([code]));
        let description = answer["error_description"].as_str().unwrap();
        assert!(description.starts_with(&format!("AADSTS{code}: ")), "{description}");
    }

    /// An assertion that is signed with the application's certificate.
    fn assertion(&self, change: impl FnOnce(&mut Header, &mut Value)) -> String {
        self.assertion_by(&self.key, change)
    }

    /// An assertion that names the application's certificate but is signed with `key`.
    fn assertion_by(&self, key: &str, change: impl FnOnce(&mut Header, &mut Value)) -> String {
        let mut header = Header::new(Algorithm::PS256);
        let certificate = CertificateDer::from_pem_slice(self.certificate.as_bytes()).unwrap();
        header.x5t_s256 = Some(URL_SAFE_NO_PAD.encode(Sha256::digest(&certificate)));
        let client = self.application.client_id;
        let mut claims = json!({
            "aud": self.entra().token_url(), "iss": client, "sub": client, "jti": Uuid::new_v4(),
            "nbf": now(), "exp": now() + 600,
        });
        change(&mut header, &mut claims);
        let key = EncodingKey::from_rsa_pem(key.as_bytes()).unwrap();
        jsonwebtoken::encode(&header, &claims, &key).unwrap()
    }
}

#[tokio::test]
async fn the_discovery_documents_contain_valid_addresses() {
    let cloud = Tenant::start();
    let (host, tenant) = (cloud.entra().authority_host(), cloud.tenant());
    let get = async |path: &str| send(cloud.https().get(format!("{host}{path}"))).await;
    for (path, issuer, keys, token) in [
        (
            format!("{tenant}/.well-known/openid-configuration"),
            format!("https://sts.windows.net/{tenant}/"),
            format!("{host}common/discovery/keys"),
            format!("{host}{tenant}/oauth2/token"),
        ),
        (
            format!("{tenant}/v2.0/.well-known/openid-configuration"),
            format!("{host}{tenant}/v2.0"),
            format!("{host}{tenant}/discovery/v2.0/keys"),
            format!("{host}{tenant}/oauth2/v2.0/token"),
        ),
        (
            "//organizations//v2.0/.well-known/openid-configuration".to_owned(),
            format!("{host}{{tenantid}}/v2.0"),
            format!("{host}common/discovery/v2.0/keys"),
            format!("{host}common/oauth2/v2.0/token"),
        ),
    ] {
        let (status, document) = get(&path).await;
        assert_eq!(status, 200, "{document}");
        assert_eq!(document["issuer"], json!(issuer));
        assert_eq!(document["jwks_uri"], json!(keys));
        assert_eq!(document["token_endpoint"], json!(token));
        let answer = cloud.https().get(&keys).send().await.unwrap();
        assert!(answer.headers().contains_key("cache-control"));
        let keys: Value = answer.json().await.unwrap();
        for key in keys["keys"].as_array().unwrap() {
            assert_eq!((&key["kty"], &key["use"]), (&json!("RSA"), &json!("sig")));
            for name in ["kid", "x5t", "n", "e"] {
                assert!(key[name].is_string(), "{name}");
            }
            assert!(key.get("d").is_none(), "a private key");
        }
    }

    let other = Uuid::new_v4();
    let (status, answer) = get(&format!("{other}/v2.0/.well-known/openid-configuration")).await;
    assert_eq!((status, &answer["error"]), (400, &json!("invalid_tenant")));
    assert_eq!(answer["error_codes"], json!([90002]));
    let (_, instance) = get(&format!(
        "common/discovery/instance?api-version=1.1&authorization_endpoint={host}{tenant}/oauth2/v2.0/authorize"
    ))
    .await;
    let address = instance["tenant_discovery_endpoint"].as_str().unwrap();
    assert_eq!(send(cloud.https().get(address)).await.0, 200);
}

#[tokio::test]
async fn a_rotated_key_is_published() {
    let cloud = Tenant::start();
    let url = format!("{}common/discovery/keys", cloud.entra().authority_host());
    let kids = async || {
        let (_, keys) = send(cloud.https().get(&url)).await;
        let keys = keys["keys"].as_array().unwrap().clone();
        keys.iter()
            .map(|key| key["kid"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let before = kids().await;
    cloud.azure().keys().rotate().unwrap();
    cloud.azure().keys().rotate().unwrap();
    let token = cloud.azure().token(&cloud.user.principal(), STORAGE);
    let kid = jsonwebtoken::decode_header(&token).unwrap().kid.unwrap();
    assert!(!before.contains(&kid));
    let after = kids().await;
    assert!(after.contains(&kid) && before.iter().all(|kid| after.contains(kid)));
}

#[tokio::test]
async fn a_secret_is_exchanged_for_a_token() {
    let cloud = Tenant::start();
    let application = &cloud.application;
    let form = with(request(application.client_id), "client_secret", &cloud.secret);
    let (status, answer) = cloud.post(&form).await;
    assert_eq!(status, 200, "{answer}");
    let claims = cloud.verified(answer["access_token"].as_str().unwrap(), STORAGE);
    assert_eq!((claims.oid, claims.appidacr.as_str()), (cloud.principal, "1"));
    assert_eq!(claims.appid, application.client_id.to_string());
    assert_eq!(answer["expires_in"], json!(claims.exp - claims.iat));
    assert_eq!(answer["ext_expires_in"], answer["expires_in"]);
    assert_eq!(answer.as_object().unwrap().len(), 4);

    // Version 1.0, with the secret in an HTTP Basic header, and with the double slashes that some clients send.
    let url = format!("{}/{}//oauth2/token", cloud.entra().authority_host(), cloud.tenant());
    let form = [
        ("grant_type", "client_credentials"),
        ("resource", "https://management.azure.com/"),
    ];
    let basic = STANDARD.encode(format!("{}:{}", application.client_id, cloud.secret));
    let request = cloud
        .https()
        .post(url)
        .form(&form)
        .header("Authorization", format!("Basic {basic}"));
    let (status, answer) = send(request).await;
    assert_eq!(status, 200, "{answer}");
    let claims = cloud.verified(answer["access_token"].as_str().unwrap(), "https://management.azure.com");
    assert_eq!(answer["expires_on"], json!(claims.exp.to_string()));
    assert_eq!(answer["not_before"], json!(claims.nbf.to_string()));
    assert_eq!(answer["resource"], "https://management.azure.com/");

    let another = cloud
        .azure()
        .change(|state| Ok(add_secret(&mut state.directory.applications[0].secrets)))
        .unwrap();
    for secret in [&another, &cloud.secret] {
        let form = with(self::request(application.client_id), "client_secret", secret);
        assert_eq!(cloud.granted(&form).await.oid, cloud.principal);
    }
}

#[tokio::test]
async fn errors_match_those_of_entra() {
    let cloud = Tenant::start();
    let good = with(request(cloud.application.client_id), "client_secret", &cloud.secret);
    for (name, value, status, error, code) in [
        ("grant_type", "", 400, "invalid_request", 900_144),
        ("grant_type", "implicit", 400, "unsupported_grant_type", 70003),
        ("client_id", "", 400, "invalid_request", 900_144),
        ("client_id", "nobody", 400, "unauthorized_client", 700_016),
        (
            "client_id",
            &Uuid::new_v4().to_string(),
            400,
            "unauthorized_client",
            700_016,
        ),
        (
            "client_id",
            &cloud.user.client_id.to_string(),
            401,
            "invalid_client",
            7_000_215,
        ),
        ("client_secret", "", 401, "invalid_client", 7_000_216),
        ("client_secret", &cloud.secret[1..], 401, "invalid_client", 7_000_215),
        ("client_assertion", "x", 400, "invalid_request", 900_144),
        ("scope", "", 400, "invalid_request", 900_144),
        ("scope", "openid", 400, "invalid_scope", 1_002_012),
        (
            "scope",
            "https://a/.default https://b/.default",
            400,
            "invalid_scope",
            70011,
        ),
        (
            "scope",
            "https://example.com/.default",
            400,
            "invalid_resource",
            500_011,
        ),
    ] {
        cloud
            .refused(&with(good.clone(), name, value), status, error, code)
            .await;
    }

    for (tenant, code) in [(Uuid::new_v4().to_string(), 90002), ("common".to_owned(), 50059)] {
        let url = format!("{}{tenant}/oauth2/v2.0/token", cloud.entra().authority_host());
        let (status, answer) = send(cloud.https().post(url).form(&good)).await;
        assert_eq!((status, &answer["error_codes"]), (400, &json!([code])));
    }

    // The correlation id is the one that the client sent.
    let id = Uuid::new_v4();
    let request = cloud
        .https()
        .post(cloud.entra().token_url())
        .header("client-request-id", id.to_string());
    let (_, answer) = send(request).await;
    assert_eq!(answer["correlation_id"], json!(id));
    for name in ["timestamp", "trace_id", "error_uri"] {
        assert!(answer[name].is_string(), "{name}");
    }
}

#[tokio::test]
async fn only_an_assertion_signed_with_the_certificate_of_the_application_is_accepted() {
    let cloud = Tenant::start();
    let client = cloud.application.client_id;
    let claims = cloud.granted(&asserting(client, &cloud.assertion(|_, _| {}))).await;
    assert_eq!((claims.oid, claims.appidacr.as_str()), (cloud.principal, "2"));
    let issuer = cloud.azure().issuer();
    let other_host = cloud.entra().token_url().replace("localhost", "127.0.0.1");
    for audience in [issuer, other_host] {
        let assertion = cloud.assertion(|header, claims| {
            header.alg = Algorithm::RS256;
            claims["aud"] = json!([audience]);
        });
        cloud.granted(&asserting(client, &assertion)).await;
    }

    let another = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256)
        .unwrap()
        .serialize_pem();
    let forged = cloud.assertion_by(&another, |_, _| {});
    let good = cloud.assertion(|_, _| {});
    for (assertion, status, error, code) in [
        ("x".to_owned(), 400, "invalid_request", 50027),
        (forged, 401, "invalid_client", 700_027),
        (
            cloud.assertion(|header, _| header.x5t_s256 = None),
            400,
            "invalid_request",
            50027,
        ),
        (
            cloud.assertion(|header, _| header.x5t_s256 = Some("AAAA".to_owned())),
            401,
            "invalid_client",
            700_027,
        ),
        (
            cloud.assertion(|header, _| header.alg = Algorithm::RS512),
            400,
            "invalid_request",
            50027,
        ),
        (
            cloud.assertion(|_, claims| claims["aud"] = json!("https://example.com")),
            401,
            "invalid_client",
            700_023,
        ),
        (
            cloud.assertion(|_, claims| claims["exp"] = json!(now() - 600)),
            401,
            "invalid_client",
            700_024,
        ),
        (
            cloud.assertion(|_, claims| claims["nbf"] = json!(now() + 600)),
            401,
            "invalid_client",
            700_024,
        ),
        (
            cloud.assertion(|_, claims| claims["sub"] = json!(Uuid::new_v4())),
            401,
            "invalid_client",
            700_021,
        ),
    ] {
        cloud.refused(&asserting(client, &assertion), status, error, code).await;
    }
    let wrong_type = with(asserting(client, &good), "client_assertion_type", "jwt");
    cloud.refused(&wrong_type, 400, "invalid_request", 90023).await;
}

#[tokio::test]
async fn only_a_token_of_a_trusted_issuer_is_accepted() {
    let cloud = Tenant::start();
    let application = &cloud.application;
    let token = cloud.entra().workload_token(SUBJECT, AUDIENCE);
    let claims = cloud.granted(&asserting(application.client_id, &token)).await;
    assert_eq!((claims.oid, claims.appidacr.as_str()), (cloud.principal, "2"));
    let claims = cloud.granted(&asserting(cloud.user.client_id, &token)).await;
    assert_eq!(claims.oid, cloud.user.principal_id);
    assert_eq!(claims.xms_mirid, Some(cloud.user.resource_id.to_string()));

    let client = application.client_id;
    let (rest, _) = token.rsplit_once('.').unwrap();
    let other = cloud.azure().token(&cloud.user.principal(), STORAGE);
    let (_, signature) = other.rsplit_once('.').unwrap();
    let elsewhere = Tenant::start();
    for (assertion, code) in [
        (cloud.entra().workload_token("somebody", AUDIENCE), 700_213),
        (
            cloud.entra().workload_token(&SUBJECT.to_uppercase(), AUDIENCE),
            7_002_138,
        ),
        (cloud.entra().workload_token(SUBJECT, "api://other"), 700_212),
        (elsewhere.entra().workload_token(SUBJECT, AUDIENCE), 700_211),
        (format!("{rest}.{signature}"), 700_027),
    ] {
        cloud
            .refused(&asserting(client, &assertion), 401, "invalid_client", code)
            .await;
    }
    cloud
        .refused(&asserting(cloud.other.client_id, &token), 401, "invalid_client", 70025)
        .await;

    // A trusted issuer that cannot be reached.
    let issuer = elsewhere.entra().workload_issuer();
    let foreign = elsewhere.entra().workload_token(SUBJECT, AUDIENCE);
    cloud
        .azure()
        .change(|state| {
            state.directory.applications[0]
                .federated_credentials
                .push(FederatedCredential {
                    name: "elsewhere".to_owned(),
                    issuer,
                    subject: SUBJECT.to_owned(),
                    audience: AUDIENCE.to_owned(),
                });
            Ok(())
        })
        .unwrap();
    drop(elsewhere);
    cloud
        .refused(&asserting(client, &foreign), 400, "invalid_request", 90061)
        .await;
}
