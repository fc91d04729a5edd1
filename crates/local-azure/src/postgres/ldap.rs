//! The messages of LDAP, and the names in them, as PostgreSQL sends them.

use std::io;

use ldap3_proto::LdapCodec;
use ldap3_proto::proto::LdapMsg;
use tokio_util::bytes::BytesMut;
use tokio_util::codec::{Decoder, Encoder};
use tracing::subscriber::{NoSubscriber, with_default};

/// What PostgreSQL writes before the name of a role.
pub const PREFIX: &str = "cn=";
/// What PostgreSQL writes after it.
pub const SUFFIX: &str = ",ou=entra";

/// The maximum length of a request in bytes. PostgreSQL accepts passwords of 64 KiB.
pub const REQUEST_LIMIT: usize = 80 * 1024;
/// The maximum nesting of a request. A bind needs three levels.
const DEPTH_LIMIT: usize = 8;

/// The role that a distinguished name identifies.
///
/// PostgreSQL inserts the role's name without the escapes of RFC 4514. Decoding escapes would therefore confuse one role
/// with another.
#[must_use]
pub fn role(name: &str) -> Option<&str> {
    name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)
}

/// Reads and writes messages, within limits, and without log messages, which would contain tokens.
pub struct Codec(LdapCodec);

impl Default for Codec {
    fn default() -> Self {
        Self(LdapCodec::new(Some(REQUEST_LIMIT), Some(DEPTH_LIMIT)))
    }
}

impl Decoder for Codec {
    type Item = LdapMsg;
    type Error = io::Error;

    fn decode(&mut self, bytes: &mut BytesMut) -> io::Result<Option<LdapMsg>> {
        with_default(NoSubscriber::default(), || self.0.decode(bytes))
    }
}

impl Encoder<LdapMsg> for Codec {
    type Error = io::Error;

    fn encode(&mut self, message: LdapMsg, bytes: &mut BytesMut) -> io::Result<()> {
        with_default(NoSubscriber::default(), || self.0.encode(message, bytes))
    }
}
