//! The judge of tokens: the LDAP server that PostgreSQL asks whether a password is right.
//!
//! PostgreSQL of Azure checks Entra tokens itself. Debian's knows nothing of them, but it lets an LDAP
//! server judge: it binds as `cn=<role>,ou=entra` with the password that the client sent, and a bind that
//! succeeds is a login. So this needs no more of LDAP than the simple bind (RFC 4511, section 4.2).

use std::collections::HashMap;
use std::net::TcpListener as StdListener;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::identity::IdentityEndpoint;
use super::server::Server;
use super::token::{Claims, PublicKey, TENANT, issuer, now};

/// The resource that Azure's PostgreSQL is to Entra.
pub const POSTGRES: &str = "https://ossrdbms-aad.database.windows.net";

const PREFIX: &str = "cn=";
const SUFFIX: &str = ",ou=entra";

/// A request of PostgreSQL is a token and a name; more is nothing to read.
const LONGEST_REQUEST: usize = 64 * 1024;

/// Judges as long as this value lives.
pub struct Judge {
    port: u16,
    shared: Arc<Shared>,
    _server: Server,
}

/// What became of one login.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    pub role: String,
    /// `None`: the role was let in. PostgreSQL's log has the reason as well.
    pub refusal: Option<&'static str>,
}

struct Shared {
    key: PublicKey,
    /// The object id of each role's identity.
    roles: Mutex<HashMap<String, String>>,
    verdicts: Mutex<Vec<Verdict>>,
}

impl Judge {
    /// Trusts the tokens of that endpoint, on a free port of loopback. It knows no role yet.
    pub fn start(identity: &IdentityEndpoint) -> Self {
        let listener = StdListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            key: identity.public_key(),
            roles: Mutex::default(),
            verdicts: Mutex::default(),
        });
        let server = Server::start(listener, {
            let shared = shared.clone();
            async |listener| serve(listener, shared).await
        });
        Self {
            port,
            shared,
            _server: server,
        }
    }

    /// Lets tokens of this identity in as that role, as `pgaadauth_create_principal_with_oid` does.
    pub fn bind_role(&self, role: &str, object_id: &str) {
        let roles = &mut self.shared.roles.lock().unwrap();
        roles.insert(role.to_owned(), object_id.to_owned());
    }

    /// The line of `pg_hba.conf` that lets nobody in but by a token over TLS.
    pub fn hba_line(&self) -> String {
        format!(
            "hostssl all all 127.0.0.1/32 ldap ldapserver=127.0.0.1 ldapport={} ldapprefix=\"{PREFIX}\" \
             ldapsuffix=\"{SUFFIX}\"",
            self.port
        )
    }

    /// Every login so far, in the order in which they were judged.
    pub fn verdicts(&self) -> Vec<Verdict> {
        self.shared.verdicts.lock().unwrap().clone()
    }
}

impl Shared {
    /// Whether this token is the password of that role now; otherwise why not, without a word of it.
    fn check(&self, role: &str, token: &str) -> Result<(), &'static str> {
        let Claims {
            aud,
            iss,
            tid,
            nbf,
            exp,
            oid,
            ..
        } = self.key.open(token)?;
        let now = now();
        if iss != issuer() || tid != TENANT {
            Err("the token is of another tenant")
        } else if aud.strip_suffix('/').unwrap_or(&aud) != POSTGRES {
            Err("the token is for another audience")
        } else if now < nbf {
            Err("the token is not valid yet")
        } else if now >= exp {
            Err("the token has expired")
        } else {
            match self.roles.lock().unwrap().get(role) {
                None => Err("no identity is bound to the role"),
                Some(bound) if *bound != oid => Err("the token is of another identity than the role's"),
                Some(_) => Ok(()),
            }
        }
    }

    fn judge(&self, role: &str, token: &str) -> Answer {
        let refusal = self.check(role, token).err();
        self.verdicts.lock().unwrap().push(Verdict {
            role: role.to_owned(),
            refusal,
        });
        match refusal {
            None => (SUCCESS, ""),
            Some(why) => (INVALID_CREDENTIALS, why),
        }
    }
}

/// A result code and its text.
type Answer = (u8, &'static str);

const SUCCESS: u8 = 0;
const PROTOCOL_ERROR: u8 = 2;
const AUTH_METHOD_NOT_SUPPORTED: u8 = 7;
const INVALID_CREDENTIALS: u8 = 49;
const UNWILLING_TO_PERFORM: u8 = 53;

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let shared = shared.clone();
        tokio::spawn(async move { converse(stream, &shared).await });
    }
}

/// Answers the requests of one connection. `None`: it ended, or what came is not LDAP.
async fn converse(mut stream: TcpStream, shared: &Shared) -> Option<()> {
    loop {
        let message = read_message(&mut stream).await?;
        let answer = answer(&message, shared)?;
        stream.write_all(&answer).await.ok()?;
    }
}

/// The content of the next message.
async fn read_message(stream: &mut TcpStream) -> Option<Vec<u8>> {
    if stream.read_u8().await.ok()? != SEQUENCE {
        return None;
    }
    let first = stream.read_u8().await.ok()?;
    let mut bytes = [0; 4];
    let bytes = &mut bytes[..length_bytes(first)?];
    stream.read_exact(bytes).await.ok()?;
    let length = length(first, bytes);
    if length > LONGEST_REQUEST {
        return None;
    }
    let mut content = vec![0; length];
    stream.read_exact(&mut content).await.ok()?;
    Some(content)
}

/// The answer to a message; `None` ends the connection.
fn answer(message: &[u8], shared: &Shared) -> Option<Vec<u8>> {
    let mut rest = message;
    let id = expect(&mut rest, INTEGER)?;
    if id.is_empty() || id.len() > 4 {
        return None;
    }
    let (operation, request) = element(&mut rest)?;
    let (response, answer) = match operation {
        BIND_REQUEST => (BIND_RESPONSE, bind(request, shared)?),
        // Searches and changes, whose responses have the next number (a search's, the one after).
        SEARCH_REQUEST => (0x65, (UNWILLING_TO_PERFORM, "only simple binds are served")),
        0x66 | 0x68 | 0x6c | 0x6e | 0x77 => (operation + 1, (UNWILLING_TO_PERFORM, "only simple binds are served")),
        // Unbind among them, which wants no answer.
        _ => return None,
    };
    let (code, text) = answer;
    let result = [
        &encoded(ENUMERATED, &[code])[..],
        &encoded(OCTET_STRING, b""),
        &encoded(OCTET_STRING, text.as_bytes()),
    ]
    .concat();
    let content = [encoded(INTEGER, id), encoded(response, &result)].concat();
    Some(encoded(SEQUENCE, &content))
}

fn bind(mut request: &[u8], shared: &Shared) -> Option<Answer> {
    let version = expect(&mut request, INTEGER)?;
    let name = expect(&mut request, OCTET_STRING)?;
    let (method, password) = element(&mut request)?;
    if version != [3] {
        return Some((PROTOCOL_ERROR, "only LDAP version 3 is served"));
    }
    if method != SIMPLE {
        return Some((AUTH_METHOD_NOT_SUPPORTED, "only simple binds are served"));
    }
    // PostgreSQL puts the role's name between the two as it is, without the escapes of RFC 4514. To undo
    // escapes would let one role answer for another.
    let role = str::from_utf8(name)
        .ok()
        .and_then(|name| name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX));
    let (Some(role), Ok(token)) = (role, str::from_utf8(password)) else {
        return Some((INVALID_CREDENTIALS, "this is no role or no token"));
    };
    Some(shared.judge(role, token))
}

// The little of BER (X.690) that LDAP uses: tags of one byte, lengths that are stated.

const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const ENUMERATED: u8 = 0x0a;
const SEQUENCE: u8 = 0x30;
const BIND_REQUEST: u8 = 0x60;
const BIND_RESPONSE: u8 = 0x61;
const SEARCH_REQUEST: u8 = 0x63;
const SIMPLE: u8 = 0x80;

/// How many bytes the length has after this first one.
fn length_bytes(first: u8) -> Option<usize> {
    match first {
        0..=0x7f => Some(0),
        0x81..=0x84 => Some(usize::from(first - 0x80)),
        _ => None,
    }
}

fn length(first: u8, bytes: &[u8]) -> usize {
    if bytes.is_empty() {
        return first.into();
    }
    bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte))
}

/// Takes the first element off: its tag and its content.
fn element<'a>(from: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let (&[tag, first], rest) = from.split_first_chunk()?;
    let (bytes, rest) = rest.split_at_checked(length_bytes(first)?)?;
    let (content, rest) = rest.split_at_checked(length(first, bytes))?;
    *from = rest;
    Some((tag, content))
}

/// The content of the first element, which must have that tag.
fn expect<'a>(from: &mut &'a [u8], wanted: u8) -> Option<&'a [u8]> {
    let (tag, content) = element(from)?;
    (tag == wanted).then_some(content)
}

/// An element of a length that an answer has.
fn encoded(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).ok().filter(|length| *length < 0x80);
    [&[tag, length.expect("answers are short")], content].concat()
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{Shutdown, TcpStream};
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::super::token::Key;
    use super::*;

    const OTHER: &str = "44444444-4444-4444-8444-444444444444";

    /// An element of any length, with its length in four bytes as some clients write it.
    fn long(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = u32::try_from(content.len()).unwrap().to_be_bytes();
        [&[tag, 0x84], &length[..], content].concat()
    }

    fn message(operation: u8, content: &[u8]) -> Vec<u8> {
        long(SEQUENCE, &[long(INTEGER, &[7]), long(operation, content)].concat())
    }

    fn bind_request(version: u8, name: &[u8], method: u8, password: &[u8]) -> Vec<u8> {
        let content = [
            long(INTEGER, &[version]),
            long(OCTET_STRING, name),
            long(method, password),
        ]
        .concat();
        message(BIND_REQUEST, &content)
    }

    /// Sends bytes; all that comes back.
    fn send(judge: &Judge, bytes: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(("127.0.0.1", judge.port)).unwrap();
        // The judge may have hung up on what came first.
        let _ = stream.write_all(bytes);
        let _ = stream.shutdown(Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        answer
    }

    /// The result code and the text of an answer with that tag.
    fn result(answer: &[u8], tag: u8) -> (u8, String) {
        let mut rest = answer;
        let mut message = expect(&mut rest, SEQUENCE).unwrap();
        assert!(rest.is_empty());
        assert_eq!(expect(&mut message, INTEGER), Some(&[7][..]));
        let mut result = expect(&mut message, tag).unwrap();
        let code = expect(&mut result, ENUMERATED).unwrap()[0];
        assert_eq!(expect(&mut result, OCTET_STRING), Some(&[][..]));
        let text = expect(&mut result, OCTET_STRING).unwrap();
        (code, str::from_utf8(text).unwrap().to_owned())
    }

    fn log_in(judge: &Judge, role: &str, token: &str) -> (u8, String) {
        let name = format!("cn={role},ou=entra");
        result(
            &send(judge, &bind_request(3, name.as_bytes(), SIMPLE, token.as_bytes())),
            BIND_RESPONSE,
        )
    }

    #[test]
    fn only_the_right_token_is_let_in() {
        let identity = IdentityEndpoint::start();
        let judge = Judge::start(&identity);
        judge.bind_role("site", identity.object_id());
        judge.bind_role("other", OTHER);
        let token = identity.token(POSTGRES);
        assert_eq!(log_in(&judge, "site", &token), (SUCCESS, String::new()));
        assert_eq!(
            log_in(&judge, "site", &identity.token(&format!("{POSTGRES}/"))).0,
            SUCCESS
        );

        let changed = |change: fn(&mut Claims)| {
            let mut claims = identity.claims(POSTGRES);
            change(&mut claims);
            identity.sign(&claims)
        };
        let (rest, signature) = token.rsplit_once('.').unwrap();
        let (header, claims) = rest.split_once('.').unwrap();
        // {"alg":"none"} and {"alg":"HS256"}
        let unsigned = format!("eyJhbGciOiJub25lIn0.{claims}.");
        let symmetric = format!("eyJhbGciOiJIUzI1NiJ9.{claims}.{signature}");
        for (role, token, why) in [
            ("site", "secret".to_owned(), "this is no token"),
            ("site", String::new(), "this is no token"),
            ("site", format!("{rest}."), "signature"),
            ("site", format!("{token}."), "this is no token"),
            ("site", format!("{header}.{claims}a.{signature}"), "signature"),
            ("site", unsigned, "not signed by RS256"),
            ("site", symmetric, "not signed by RS256"),
            ("site", IdentityEndpoint::start().token(POSTGRES), "signature"),
            ("site", identity.token("https://storage.azure.com"), "another audience"),
            ("site", identity.token(&format!("{POSTGRES}//")), "another audience"),
            ("site", changed(|claims| claims.exp = now()), "expired"),
            ("site", changed(|claims| claims.nbf = now() + 60), "not valid yet"),
            (
                "site",
                changed(|claims| claims.tid = OTHER.to_owned()),
                "another tenant",
            ),
            ("site", changed(|claims| claims.iss += "v2.0"), "another tenant"),
            (
                "site",
                changed(|claims| claims.oid = OTHER.to_owned()),
                "another identity",
            ),
            ("other", token.clone(), "another identity"),
            ("nobody", token.clone(), "no identity is bound"),
            ("Site", token.clone(), "no identity is bound"),
            ("s\\69te", token.clone(), "no identity is bound"),
            ("", token.clone(), "no identity is bound"),
        ] {
            let (code, text) = log_in(&judge, role, &token);
            assert!(
                code == INVALID_CREDENTIALS && text.contains(why),
                "{role} {why}: {code} {text}"
            );
            let last = judge.verdicts().pop().unwrap();
            assert_eq!((last.role.as_str(), last.refusal), (role, Some(&*text)));
            identity.assert_no_secret_in(&format!("{:?}", judge.verdicts()));
        }
        assert_eq!(judge.verdicts().len(), 22);
    }

    #[test]
    fn other_requests_are_refused() {
        let identity = IdentityEndpoint::start();
        let judge = Judge::start(&identity);
        let name = b"cn=site,ou=entra";
        for (request, tag, code) in [
            (bind_request(2, name, SIMPLE, b"t"), BIND_RESPONSE, PROTOCOL_ERROR),
            (
                bind_request(3, name, 0xa3, b"t"),
                BIND_RESPONSE,
                AUTH_METHOD_NOT_SUPPORTED,
            ),
            (bind_request(3, b"", SIMPLE, b""), BIND_RESPONSE, INVALID_CREDENTIALS),
            (
                bind_request(3, b"cn=site", SIMPLE, b"t"),
                BIND_RESPONSE,
                INVALID_CREDENTIALS,
            ),
            (
                bind_request(3, b"cn=\xff,ou=entra", SIMPLE, b"t"),
                BIND_RESPONSE,
                INVALID_CREDENTIALS,
            ),
            (
                bind_request(3, name, SIMPLE, b"\xff"),
                BIND_RESPONSE,
                INVALID_CREDENTIALS,
            ),
            (message(SEARCH_REQUEST, b""), 0x65, UNWILLING_TO_PERFORM),
            (message(0x77, b""), 0x78, UNWILLING_TO_PERFORM),
        ] {
            assert_eq!(result(&send(&judge, &request), tag).0, code, "{request:?}");
        }
        // Several requests on one connection, until the client says that it is done.
        let two = [
            message(0x77, b""),
            message(0x77, b""),
            message(0x42, b""),
            message(0x77, b""),
        ]
        .concat();
        assert_eq!(send(&judge, &two).len(), 2 * send(&judge, &message(0x77, b"")).len());
        assert_eq!(judge.verdicts(), []);
    }

    #[test]
    fn what_is_not_ldap_is_hung_up_on() {
        let identity = IdentityEndpoint::start();
        let judge = Judge::start(&identity);
        for garbage in [
            &b"GET / HTTP/1.1\r\n\r\n"[..],
            b"\x30",
            b"\x30\x80\x00\x00",
            b"\x30\x85\x00\x00\x00\x00\x01\x00",
            b"\x30\x84\xff\xff\xff\xff",
            b"\x30\x00",
            b"\x30\x03\x02\x01\x01",
            b"\x30\x05\x02\x00\x60\x01\x00",
            b"\x30\x07\x02\x05\x01\x01\x01\x01\x01",
            b"\x30\x05\x02\x01\x01\x60\x7f",
        ] {
            assert_eq!(send(&judge, garbage), b"", "{garbage:?}");
        }
    }

    static SHARED: LazyLock<Shared> = LazyLock::new(|| Shared {
        key: Key::new().public(),
        roles: Mutex::default(),
        verdicts: Mutex::default(),
    });

    proptest! {
        /// Whatever comes, nothing panics and no one is let in.
        #[test]
        fn no_bytes_break_it(
            start in proptest::sample::select(vec![
                vec![],
                message(BIND_REQUEST, b""),
                bind_request(3, b"cn=site,ou=entra", SIMPLE, b"a.b.c"),
            ]),
            cut in 0_usize..64,
            bytes in proptest::collection::vec(any::<u8>(), 0..64),
        ) {
            // Without the head of the whole message, which is read apart.
            let mut input = start.get(6..).unwrap_or_default().to_vec();
            input.truncate(cut);
            input.extend(bytes);
            if let Some(answer) = answer(&input, &SHARED) {
                let mut rest = &answer[..];
                let mut message = expect(&mut rest, SEQUENCE).unwrap();
                expect(&mut message, INTEGER).unwrap();
                let (_, mut result) = element(&mut message).unwrap();
                prop_assert_ne!(expect(&mut result, ENUMERATED).unwrap(), [SUCCESS]);
            }
        }
    }
}
