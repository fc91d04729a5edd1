//! Any bytes on the connection from PostgreSQL are messages within bounds or refused. Where they are cut into pieces does
//! not change a message. A simple bind reads the same when it is sent again, and names one role.
//!
//! The first byte of an input says where it is cut.

#![no_main]

use ldap3_proto::proto::{LdapBindCred, LdapBindResponse, LdapMsg, LdapOp, LdapResult, LdapResultCode};
use libfuzzer_sys::fuzz_target;
use local_azure::postgres::ldap::{Codec, PREFIX, SUFFIX, role};
use tokio_util::bytes::BytesMut;
use tokio_util::codec::{Decoder as _, Encoder as _};

fuzz_target!(|input: &[u8]| {
    let Some((cut, bytes)) = input.split_first() else {
        return;
    };
    let at = usize::from(*cut) * bytes.len() / 255;
    let (messages, is_refused) = read(&[bytes]);
    let in_pieces = read(&[&bytes[..at], &bytes[at..]]);
    // The decoder may see what follows a broken message, and then refuses it.
    if !is_refused && !in_pieces.1 {
        assert_eq!(messages, in_pieces.0);
    }
    // An id is never negative (RFC 4511, section 4.1.1.1).
    for message in messages.into_iter().filter(|message| message.msgid >= 0) {
        answer(message.msgid);
        if let LdapOp::BindRequest(bind) = &message.op {
            if let Some(role) = role(&bind.dn) {
                assert_eq!(format!("{PREFIX}{role}{SUFFIX}"), bind.dn);
            }
            // The library does not write every control and every kind of credential as it was; neither is used here.
            if message.ctrl.is_empty() && matches!(bind.cred, LdapBindCred::Simple(_)) {
                let again = read(&[&written(message.clone())]);
                assert_eq!(again, (vec![message], false));
            }
        }
    }
});

/// The messages in these pieces, and whether the rest is refused.
fn read(pieces: &[&[u8]]) -> (Vec<LdapMsg>, bool) {
    let (mut codec, mut buffer, mut messages) = (Codec::default(), BytesMut::new(), Vec::new());
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            match codec.decode(&mut buffer) {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(_) => return (messages, true),
            }
        }
    }
    (messages, false)
}

fn written(message: LdapMsg) -> BytesMut {
    let mut bytes = BytesMut::new();
    Codec::default()
        .encode(message, &mut bytes)
        .expect("a message can be written");
    bytes
}

/// The answer to a message with this id is read as such.
fn answer(id: i32) {
    let response = LdapOp::BindResponse(LdapBindResponse {
        res: LdapResult {
            code: LdapResultCode::InvalidCredentials,
            matcheddn: String::new(),
            message: "why".to_owned(),
            referral: Vec::new(),
        },
        saslcreds: None,
    });
    let message = LdapMsg::new(id, response);
    assert_eq!(read(&[&written(message.clone())]), (vec![message], false));
}
