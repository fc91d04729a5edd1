use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};

use ldap3_proto::LdapCodec;
use ldap3_proto::proto::SaslCredentials;
use tokio_util::bytes::BytesMut;
use tokio_util::codec::{Decoder as _, Encoder as _};

use super::*;
use crate::state::ManagedIdentity;

/// A judge whose server is unreachable. It accepts no sign-in, and looks up the role only if the token is valid.
fn judge() -> (tempfile::TempDir, Azure, Judge) {
    let folder = tempfile::tempdir().unwrap();
    let azure = Azure::open(folder.path()).unwrap();
    let unreachable = PgConnectOptions::new_without_pgpass().host("127.0.0.1").port(1);
    let judge = Judge::start(&azure, unreachable).unwrap();
    (folder, azure, judge)
}

/// Sends bytes and returns the whole response.
fn send(judge: &Judge, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(("127.0.0.1", judge.port)).unwrap();
    // The judge may already have closed the connection.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    answer
}

fn request(version: i64, name: &str, cred: LdapBindCred) -> BytesMut {
    let request = LdapBindRequest {
        version,
        dn: name.to_owned(),
        cred,
    };
    let mut bytes = BytesMut::new();
    let message = LdapMsg::new(7, LdapOp::BindRequest(request));
    LdapCodec::default().encode(message, &mut bytes).unwrap();
    bytes
}

/// The results in a response.
fn results(answer: &[u8]) -> Vec<(LdapResultCode, String)> {
    let mut bytes = BytesMut::from(answer);
    let mut all = Vec::new();
    while let Some(message) = LdapCodec::default().decode(&mut bytes).unwrap() {
        assert_eq!(message.msgid, 7);
        let LdapOp::BindResponse(response) = message.op else {
            panic!("{message:?}");
        };
        all.push((response.res.code, response.res.message));
    }
    assert!(bytes.is_empty());
    all
}

fn bind(judge: &Judge, version: i64, name: &str, cred: LdapBindCred) -> (LdapResultCode, String) {
    let [only] = results(&send(judge, &request(version, name, cred))).try_into().unwrap();
    only
}

fn simple(token: &str) -> LdapBindCred {
    LdapBindCred::Simple(token.to_owned())
}

#[test]
fn an_invalid_token_is_rejected_without_being_quoted() {
    let (_folder, azure, judge) = judge();
    let principal = ManagedIdentity::new("/subscriptions/site".parse().unwrap()).principal();
    let other = azure.token(&principal, "https://storage.azure.com");
    for (token, why) in [
        ("secret of somebody", "this is not a token"),
        ("", "this is not a token"),
        (&"long secret".repeat(5000), "this is not a token"),
        (&other, "does not have a valid audience claim"),
    ] {
        let (code, text) = bind(&judge, 3, "cn=site,ou=entra", simple(token));
        assert_eq!(code, LdapResultCode::InvalidCredentials);
        assert!(text.contains(why), "{text}");
        let last = judge.verdicts().pop().unwrap();
        assert_eq!((last.role.as_str(), last.refusal), ("site", Some(text.clone())));
        assert!(!text.contains("secret") && !text.contains("eyJ"), "{text}");
    }
}

#[test]
fn without_the_server_no_sign_in_is_accepted() {
    let (_folder, azure, judge) = judge();
    let principal = ManagedIdentity::new("/subscriptions/site".parse().unwrap()).principal();
    let token = azure.token(&principal, POSTGRES);
    let (code, text) = bind(&judge, 3, "cn=site,ou=entra", simple(&token));
    assert_eq!(code, LdapResultCode::InvalidCredentials);
    assert!(text.contains("cannot look up the principal"), "{text}");
}

#[test]
fn other_binds_are_rejected_and_other_requests_close_the_connection() {
    let (_folder, _azure, judge) = judge();
    let name = "cn=site,ou=entra";
    let sasl = || {
        LdapBindCred::SASL(SaslCredentials {
            mechanism: "PLAIN".to_owned(),
            credentials: Vec::new(),
        })
    };
    for (version, name, cred, code) in [
        (2, name, simple("t"), LdapResultCode::ProtocolError),
        (3, name, sasl(), LdapResultCode::AuthMethodNotSupported),
        (3, "", simple(""), LdapResultCode::InvalidCredentials),
        (3, "cn=site", simple("t"), LdapResultCode::InvalidCredentials),
        (3, "cn=site,ou=entra,", simple("t"), LdapResultCode::InvalidCredentials),
    ] {
        assert_eq!(bind(&judge, version, name, cred).0, code);
    }
    assert_eq!(judge.verdicts(), []);

    // Several binds on one connection, until the client unbinds.
    let bind = request(3, name, simple("t"));
    let mut unbind = BytesMut::new();
    let message = LdapMsg::new(7, LdapOp::UnbindRequest);
    LdapCodec::default().encode(message, &mut unbind).unwrap();
    let all = [&bind[..], &bind, &unbind, &bind].concat();
    assert_eq!(results(&send(&judge, &all)).len(), 2);
}

#[test]
fn malformed_ldap_closes_the_connection() {
    let (_folder, _azure, judge) = judge();
    let too_long = request(3, "cn=site,ou=entra", simple(&"x".repeat(200_000)));
    for garbage in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        b"\x30",
        b"\x30\x80\x00\x00",
        b"\x30\x85\x00\x00\x00\x00\x01\x00",
        b"\x30\x84\xff\xff\xff\xff",
        b"\x30\x88\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x30\x00",
        b"\x30\x03\x02\x01\x01",
        b"\x30\x05\x02\x00\x60\x01\x00",
        b"\x30\x07\x02\x05\x01\x01\x01\x01\x01",
        b"\x30\x05\x02\x01\x01\x60\x7f",
        &b"\x30\x82\x10\x00".repeat(1000),
        &too_long,
    ] {
        assert_eq!(send(&judge, garbage), b"", "{:?}", &garbage[..garbage.len().min(20)]);
    }
    // A name that is not UTF-8 is rejected.
    let mut bytes = request(3, "cn=site,ou=entra", simple("t"));
    let at = bytes.windows(4).position(|window| window == b"site").unwrap();
    bytes[at] = 0xff;
    assert_eq!(send(&judge, &bytes), b"");
}

/// Random input is never accepted, and the judge keeps answering.
#[test]
fn random_input_is_never_accepted() {
    let (_folder, azure, judge) = judge();
    let good = request(3, "cn=site,ou=entra", simple("a.b.c"));
    let mut random = fastrand::Rng::with_seed(4711);
    for _ in 0..2000 {
        let mut bytes = good.to_vec();
        bytes.truncate(random.usize(..=bytes.len()));
        for _ in 0..random.usize(..4) {
            if !bytes.is_empty() {
                let at = random.usize(..bytes.len());
                bytes[at] = random.u8(..);
            }
        }
        bytes.extend((0..random.usize(..8)).map(|_| random.u8(..)));
        let mut answers = BytesMut::from(&send(&judge, &bytes)[..]);
        while let Ok(Some(message)) = LdapCodec::default().decode(&mut answers) {
            let LdapOp::BindResponse(response) = message.op else {
                panic!("{message:?}");
            };
            assert_ne!(response.res.code, LdapResultCode::Success, "{bytes:?}");
        }
    }
    // The judge still answers valid requests.
    let principal = ManagedIdentity::new("/subscriptions/site".parse().unwrap()).principal();
    let token = azure.token(&principal, "https://storage.azure.com");
    let (_, text) = bind(&judge, 3, "cn=site,ou=entra", simple(&token));
    assert!(text.contains("audience"), "{text}");
}
