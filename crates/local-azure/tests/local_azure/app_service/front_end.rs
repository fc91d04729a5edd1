//! How requests reach an app.

use std::time::Duration;

use local_azure::app_service::Options;
use reqwest::Response;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::cloud::{APP, Cloud};

#[tokio::test]
async fn the_app_is_told_where_a_request_came_from() {
    let cloud = Cloud::new(&[]).up().await;
    let host = format!("contoso.localhost:{}", cloud.service.https_port());
    let request = cloud
        .client
        .get(cloud.url("/headers?a=%2F"))
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
    // Nobody takes these away while App Service Authentication is off.
    assert_eq!(get("x-ms-client-principal-name"), "admin");

    let http = format!("http://contoso.localhost:{}", cloud.service.http_port());
    let headers = cloud
        .client
        .get(format!("{http}/headers"))
        .header("X-ARR-SSL", "yes")
        .send()
        .await
        .unwrap();
    let headers: serde_json::Value = headers.json().await.unwrap();
    assert_eq!(headers["x-forwarded-proto"], "http");
    assert_eq!(headers.get("x-arr-ssl"), None);

    let echo = cloud
        .client
        .post(cloud.url("/echo"))
        .body("a body")
        .send()
        .await
        .unwrap();
    assert_eq!(echo.headers()["content-length"], "6");
    assert_eq!(echo.text().await.unwrap(), "a body");
}

#[tokio::test]
async fn the_host_names_the_app() {
    let cloud = Cloud::new(&[]).up().await;
    let port = cloud.service.https_port();
    for host in [
        "contoso.localhost",
        "contoso.azurewebsites.net",
        "localhost",
        "127.0.0.1",
    ] {
        let answer = cloud
            .client
            .get(format!("https://{host}:{port}/version"))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.text().await.unwrap(), "1", "{host}");
    }
    let port = cloud.service.http_port();
    for host in ["nobody.localhost", "contoso.example.com", "contoso"] {
        let answer = cloud
            .client
            .get(format!("http://127.0.0.1:{port}/version"))
            .header("Host", host);
        assert_eq!(answer.send().await.unwrap().status(), 404, "{host}");
    }
}

#[tokio::test]
async fn https_only_redirects() {
    let cloud = Cloud::with(&[], Options::default(), |app| app.https_only = true)
        .up()
        .await;
    let http = format!("http://contoso.localhost:{}/version?a", cloud.service.http_port());
    let answer = cloud.client.get(&http).send().await.unwrap();
    assert_eq!(answer.status(), 301);
    assert_eq!(answer.headers()["location"], cloud.url("/version?a"));
    assert_eq!(cloud.client.post(&http).send().await.unwrap().status(), 307);
    assert_eq!(cloud.text("/version").await, "1");
}

fn cookies(answer: &Response) -> Vec<String> {
    let cookies = answer.headers().get_all("set-cookie").iter();
    cookies.map(|one| one.to_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_visitor_stays_with_one_instance() {
    let cloud = Cloud::new(&[]).up().await;
    assert_eq!(cookies(&cloud.get("/id").await), [""; 0]);
    cloud.service.scale(APP, 2).await.unwrap();
    cloud.service.wait_ready(APP).await.unwrap();
    let answer = cloud.get("/id").await;
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
        let same = cloud
            .client
            .get(cloud.url("/id"))
            .header("Cookie", &cookie)
            .send()
            .await
            .unwrap();
        assert_eq!(cookies(&same), [""; 0]);
        assert_eq!(same.text().await.unwrap(), id);
    }
    // Whoever names an instance that is not there gets another.
    let gone = cloud
        .client
        .get(cloud.url("/id"))
        .header("Cookie", "ARRAffinity=gone")
        .send()
        .await
        .unwrap();
    assert_eq!(cookies(&gone).len(), 2);
    assert_eq!(cookies(&cloud.get("/no-affinity").await), [""; 0]);
    cloud.change(|app| app.client_affinity_enabled = false);
    let mut other = false;
    while !other {
        let answer = cloud
            .client
            .get(cloud.url("/id"))
            .header("Cookie", &cookie)
            .send()
            .await
            .unwrap();
        assert_eq!(cookies(&answer), [""; 0]);
        other = answer.text().await.unwrap() != id;
    }
}

#[tokio::test]
async fn an_app_that_does_not_answer_is_not_waited_for_without_end() {
    let options = Options {
        request_limit: Duration::from_secs(5),
        ..Options::default()
    };
    let cloud = Cloud::with(&[], options, |_| {}).up().await;
    assert_eq!(cloud.get("/slow").await.status(), 504);
    cloud.flag("go", "");
    assert_eq!(cloud.text("/slow").await, "slow");
}

#[tokio::test]
async fn a_web_socket_is_handed_through() {
    let cloud = Cloud::new(&[]).up().await;
    let mut stream = TcpStream::connect(("127.0.0.1", cloud.service.http_port()))
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
