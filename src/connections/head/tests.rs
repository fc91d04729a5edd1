use super::*;

const PAGE: &str = "GET /create?q=a%20b HTTP/1.1\r\nHost: example.com\r\nAccept: text/html,\t*/*\r\nX-Empty:\r\n\r\n";
const FORM: &str = "POST /add HTTP/1.1\r\nContent-Length: 7\r\nhost: [::1]:8000\r\n\r\n";
const CHUNKS: &str = "POST /add HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n";

/// What becomes of a head that arrives in these parts.
fn verdict(parts: &[&[u8]]) -> Result<Option<BodyLength>, RefusedHead> {
    let mut buffer = Vec::new();
    for part in parts {
        let seen = buffer.len();
        buffer.extend_from_slice(part);
        if let Some(end) = end(&buffer, seen)? {
            return check(&buffer[..end]).map(Some);
        }
    }
    Ok(None)
}

fn of_host(host: &str) -> Result<Option<BodyLength>, RefusedHead> {
    verdict(&[format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes()])
}

#[test]
fn a_head_says_what_follows_it() {
    for (head, body) in [
        (PAGE, BodyLength::Exactly(0)),
        (FORM, BodyLength::Exactly(7)),
        (CHUNKS, BodyLength::Chunked),
        ("GET / HTTP/1.0\r\n\r\n", BodyLength::Exactly(0)),
        ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", BodyLength::Exactly(0)),
        (
            "GET http://a.example/ HTTP/1.1\r\nHost: b\r\n\r\n",
            BodyLength::Exactly(0),
        ),
        ("GET HTTPS://a:80?q HTTP/1.1\r\nHost: b\r\n\r\n", BodyLength::Exactly(0)),
    ] {
        assert_eq!(verdict(&[head.as_bytes(), b"more"]), Ok(Some(body)), "{head}");
    }
}

#[test]
fn the_parts_in_which_a_head_arrives_do_not_matter() {
    for head in [
        PAGE,
        FORM,
        CHUNKS,
        "GET /\r\n",
        "GET / HTTP/1.1\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\n\n",
        "GET / HTTP/1.1\rHost: a\r\n\r\n",
        "\x16\x03\x01\x02\x00",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let head = head.as_bytes();
        let whole = verdict(&[head]);
        assert_ne!(whole, Ok(None), "{head:?}");
        for at in 0..=head.len() {
            assert_eq!(verdict(&[&head[..at], &head[at..]]), whole, "{at} {head:?}");
        }
        let bytes: Vec<&[u8]> = head.chunks(1).collect();
        assert_eq!(verdict(&bytes), whole, "{head:?}");
    }
}

#[test]
fn control_characters_are_refused_wherever_they_are() {
    for head in [PAGE, FORM, CHUNKS] {
        for at in 1..head.len() {
            // A tab may be part of a value.
            for control in (0..b' ').chain([0x7f]).filter(|control| *control != b'\t') {
                let mut changed = head.as_bytes().to_vec();
                changed.insert(at, control);
                if changed.starts_with(head.as_bytes()) {
                    continue; // It follows the head.
                }
                let verdict = verdict(&[&changed]);
                assert!(verdict.is_err(), "{control} at {at}: {verdict:?}");
            }
        }
    }
}

#[test]
fn a_length_that_is_not_clear_is_refused() {
    for headers in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Content-Length: 5\r\nContent-Length: 5",
        "Content-Length: 5\r\ncontent-length: 6",
        "Content-Length: 5, 5",
        "Content-Length: +5",
        "Content-Length: -5",
        "Content-Length: 0x5",
        "Content-Length: 5 5",
        "Content-Length: ",
        "Content-Length: 5.0",
        "Content-Length: 9223372036854775808",
        "Content-Length: 18446744073709551615",
        "Content-Length: 18446744073709551616",
        "Content-Length: \u{665}",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding:",
    ] {
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\n{headers}\r\n\r\n");
        assert_eq!(verdict(&[head.as_bytes()]), Err(LENGTH), "{headers}");
    }
    let old = "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(verdict(&[old.as_bytes()]), Err(LENGTH));
}

#[test]
fn a_header_that_is_not_one_line_is_refused() {
    for header in [
        " Content-Length: 5",
        "\tContent-Length: 5",
        "Content-Length : 5",
        "Content-Length\t: 5",
        "Content Length: 5",
        ": 5",
        "Content-Length",
        "X: a\r\n folded: b",
        "X: a\r\n\tfolded",
        "Ünicode: a",
        "(comment): a",
    ] {
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\n{header}\r\n\r\n");
        assert_eq!(verdict(&[head.as_bytes()]), Err(HEADER), "{header}");
    }
}

#[test]
fn a_request_names_its_host_once() {
    for host in [
        "localhost",
        "localhost:8000",
        "127.0.0.1:8000",
        "[::1]",
        "[2001:db8::1]:443",
        "my-app.azurewebsites.net",
        "a_b.example.",
        "xn--caf-dma.example:",
    ] {
        assert_eq!(of_host(host), Ok(Some(BodyLength::Exactly(0))), "{host}");
    }
    for host in [
        "", " ", ":80", "a b", "a,b", "a/b", "a?b", "a@b", "café", "a:b", "a:80:80", "a:65536", "a:+80", "::1", "[::1",
        "[::1]80", "[a]", "a[::1]", "<script>",
    ] {
        assert_eq!(of_host(host), Err(HOST), "{host}");
    }
    for head in [
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nhOST: b\r\n\r\n",
        "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET http://a/ HTTP/1.1\r\n\r\n",
    ] {
        assert_eq!(verdict(&[head.as_bytes()]), Err(HOST), "{head}");
    }
}

#[test]
fn an_odd_first_line_is_refused() {
    for (line, refusal) in [
        ("GET /", REQUEST_LINE),
        ("GET", REQUEST_LINE),
        (" GET / HTTP/1.1", REQUEST_LINE),
        ("GET  / HTTP/1.1", REQUEST_LINE),
        ("GET / HTTP/1.1 ", REQUEST_LINE),
        ("GET / a HTTP/1.1", REQUEST_LINE),
        ("GET\t/\tHTTP/1.1", REQUEST_LINE),
        ("G(T / HTTP/1.1", REQUEST_LINE),
        ("GET / HTTP/0.9", REQUEST_LINE),
        ("GET / HTTP/1.2", REQUEST_LINE),
        ("GET / HTTP/2.0", REQUEST_LINE),
        ("GET / HTTP/11", REQUEST_LINE),
        ("GET / http/1.1", REQUEST_LINE),
        ("GET / ICY/1.1", REQUEST_LINE),
        ("GET create HTTP/1.1", ADDRESS),
        ("GET example.com:80 HTTP/1.1", ADDRESS),
        ("GET * HTTP/1.1", ADDRESS),
        ("GET /caf\u{e9} HTTP/1.1", ADDRESS),
        ("GET http:/a HTTP/1.1", ADDRESS),
        ("GET http:///a HTTP/1.1", ADDRESS),
        ("GET http://a@b/ HTTP/1.1", ADDRESS),
        ("GET ftp://a/ HTTP/1.1", ADDRESS),
        ("GET /a`b HTTP/1.1", ADDRESS),
        ("GET /?a<b HTTP/1.1", ADDRESS),
        ("CONNECT a:443 HTTP/1.1", ADDRESS),
        ("CONNECT / HTTP/1.1", ADDRESS),
    ] {
        let head = format!("{line}\r\nHost: a\r\n\r\n");
        assert_eq!(verdict(&[head.as_bytes()]), Err(refusal), "{line}");
    }
}

#[test]
fn a_head_has_only_so_many_headers() {
    for (count, verdict_of) in [
        (HEADERS_MAX, Ok(Some(BodyLength::Exactly(0)))),
        (HEADERS_MAX + 1, Err(RefusedHead::TooLarge)),
        (1000, Err(RefusedHead::TooLarge)),
    ] {
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(count - 1));
        assert_eq!(verdict(&[head.as_bytes()]), verdict_of, "{count}");
    }
}
