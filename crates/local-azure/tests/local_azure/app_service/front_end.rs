//! Routing requests to apps and instances.

use std::time::Duration;

use local_azure::app_service::Options;
use reqwest::Response;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::rig::{APP, Site};

#[tokio::test]
async fn headers_tell_the_app_where_a_request_came_from() {
    let site = Site::new(&[]).up().await;
    let host = "contoso.azurewebsites.net";
    let request = site
        .client
        .get(site.url("/headers?a=%2F"))
        .header("X-Forwarded-For", "6.6.6.6")
        .header("X-Forwarded-Proto", "gopher")
        .header("Client-IP", "6.6.6.6")
        .header("X-ARR-SSL", "no")
        .header("X-MS-CLIENT-PRINCIPAL-NAME", "admin");
    let headers: serde_json::Value = request.send().await.unwrap().json().await.unwrap();
    let get = |name: &str| headers[name].as_str().unwrap_or_default().to_owned();
    assert_eq!(get("host"), host);
    assert_eq!(get("disguised-host"), host);
    assert_eq!(get("was-default-hostname"), host);
    assert_eq!(get("x-forwarded-proto"), "https");
    let peer = get("client-ip");
    assert!(peer.starts_with("127.0.0.1:"), "{peer}");
    assert_eq!(get("x-forwarded-for"), format!("6.6.6.6, {peer}"));
    assert_eq!(format!("{}:{}", get("x-client-ip"), get("x-client-port")), peer);
    assert_eq!(get("x-original-url"), "/headers?a=%2F");
    assert_eq!(get("max-forwards"), "10");
    assert_eq!(get("x-site-deployment-id"), "contoso");
    assert!(!get("x-arr-log-id").is_empty() && get("x-arr-ssl").contains("CN="));
    // App Service removes these headers only when App Service Authentication is on.
    assert_eq!(get("x-ms-client-principal-name"), "admin");

    let http = format!("http://contoso.localhost:{}", site.service().http_port());
    let headers = site
        .client
        .get(format!("{http}/headers"))
        .header("X-ARR-SSL", "yes")
        .send()
        .await
        .unwrap();
    let headers: serde_json::Value = headers.json().await.unwrap();
    assert_eq!(headers["x-forwarded-proto"], "http");
    assert_eq!(headers.get("x-arr-ssl"), None);

    let echo = site.client.post(site.url("/echo")).body("a body").send().await.unwrap();
    assert_eq!(echo.headers()["content-length"], "6");
    assert_eq!(echo.text().await.unwrap(), "a body");
}

/// The app sees its name in Azure, and the visitor stays at the address on this machine.
#[tokio::test]
async fn the_app_has_its_name_in_azure() {
    let site = Site::new(&[]).up().await;
    let port = site.service().https_port();
    for host in [format!("contoso.localhost:{port}"), format!("localhost:{port}")] {
        let own = format!("https://{host}");
        let request = site.client.get(format!("{own}/headers"));
        let request = request.header("Origin", &own).header("Referer", format!("{own}/a?b"));
        let headers: serde_json::Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(headers["host"], "contoso.azurewebsites.net");
        assert_eq!(headers["origin"], "https://contoso.azurewebsites.net");
        assert_eq!(headers["referer"], "https://contoso.azurewebsites.net/a?b");

        let answer = site.client.get(format!("{own}/redirect")).send().await.unwrap();
        assert_eq!(answer.headers()["location"], format!("{own}/version"));
        assert_eq!(answer.headers()["set-cookie"], "a=1; Path=/");
        assert!(!answer.headers().contains_key("strict-transport-security"));
    }
}

#[tokio::test]
async fn the_host_selects_the_app() {
    let site = Site::new(&[]).up().await;
    let port = site.service().https_port();
    for host in [
        "contoso.localhost",
        "contoso.azurewebsites.net",
        "localhost",
        "127.0.0.1",
    ] {
        let answer = site
            .client
            .get(format!("https://{host}:{port}/version"))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.text().await.unwrap(), "1", "{host}");
    }
    let port = site.service().http_port();
    for host in ["nobody.localhost", "contoso.example.com", "contoso"] {
        let answer = site
            .client
            .get(format!("http://127.0.0.1:{port}/version"))
            .header("Host", host);
        assert_eq!(answer.send().await.unwrap().status(), 404, "{host}");
    }
}

#[tokio::test]
async fn an_app_with_https_only_redirects_plain_http() {
    let site = Site::with(&[], Options::default(), |app| app.https_only = true)
        .up()
        .await;
    let http = format!("http://contoso.localhost:{}/version?a", site.service().http_port());
    let answer = site.client.get(&http).send().await.unwrap();
    assert_eq!(answer.status(), 301);
    assert_eq!(answer.headers()["location"], site.url("/version?a"));
    assert_eq!(site.client.post(&http).send().await.unwrap().status(), 307);
    assert_eq!(site.text("/version").await, "1");
}

fn cookies(answer: &Response) -> Vec<String> {
    let cookies = answer.headers().get_all("set-cookie").iter();
    cookies.map(|one| one.to_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_visitor_stays_with_one_instance() {
    let site = Site::new(&[]).up().await;
    assert_eq!(cookies(&site.get("/id").await), [""; 0]);
    site.service().scale(APP, 2).await.unwrap();
    site.service().wait_ready(APP).await.unwrap();
    let answer = site.get("/id").await;
    let set = cookies(&answer);
    assert_eq!(set.len(), 2, "{set:?}");
    assert!(
        set[1].contains(";SameSite=None;Secure;Domain=contoso.localhost"),
        "{set:?}"
    );
    let id = answer.text().await.unwrap();
    let cookie = set[0].split_once(';').unwrap().0.to_owned();
    assert!(!cookie.contains(&id));
    for _ in 0..20 {
        let same = site
            .client
            .get(site.url("/id"))
            .header("Cookie", &cookie)
            .send()
            .await
            .unwrap();
        assert_eq!(cookies(&same), [""; 0]);
        assert_eq!(same.text().await.unwrap(), id);
    }
    // A cookie for an instance that does not exist is replaced.
    let gone = site
        .client
        .get(site.url("/id"))
        .header("Cookie", "ARRAffinity=gone")
        .send()
        .await
        .unwrap();
    assert_eq!(cookies(&gone).len(), 2);
    assert_eq!(cookies(&site.get("/no-affinity").await), [""; 0]);
    site.change(|app| app.client_affinity_enabled = false);
    let mut other = false;
    while !other {
        let answer = site
            .client
            .get(site.url("/id"))
            .header("Cookie", &cookie)
            .send()
            .await
            .unwrap();
        assert_eq!(cookies(&answer), [""; 0]);
        other = answer.text().await.unwrap() != id;
    }
}

#[tokio::test]
async fn a_request_without_a_response_ends_with_504() {
    let options = Options {
        request_limit: Duration::from_secs(5),
        ..Options::default()
    };
    let site = Site::with(&[], options, |_| {}).up().await;
    assert_eq!(site.get("/slow").await.status(), 504);
    site.flag("go", "");
    assert_eq!(site.text("/slow").await, "slow");
}

#[tokio::test]
async fn a_web_socket_is_forwarded() {
    let site = Site::new(&[]).up().await;
    let mut stream = TcpStream::connect(("127.0.0.1", site.service().http_port()))
        .await
        .unwrap();
    let request = "GET /ws HTTP/1.1\r\nHost: contoso.localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&head));
    stream.write_all(b"hello").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert_eq!(answer, "HELLO");
}
