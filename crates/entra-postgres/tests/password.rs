//! A password whose credential is played by [`Numbered`], on a clock that waits for nothing.
#![expect(clippy::unwrap_used, reason = "a test panics where a result is not as expected")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use azure_core::credentials::{AccessToken, Secret, TokenCredential, TokenRequestOptions};
use azure_core::time::OffsetDateTime;
use entra_postgres::{EntraPassword, NoToken, OpenError, is_refusal};

const HOUR: Duration = Duration::from_secs(3600);

/// An identity endpoint for tests: it returns numbered tokens, or an error while it is `away`.
#[derive(Debug, Default)]
struct Numbered {
    lifetime: Mutex<Duration>,
    away: Mutex<bool>,
    hangs: Mutex<bool>,
    given: AtomicUsize,
    asked: AtomicUsize,
    made: AtomicUsize,
}

#[async_trait::async_trait]
impl TokenCredential for Numbered {
    async fn get_token(&self, _: &[&str], _: Option<TokenRequestOptions<'_>>) -> azure_core::Result<AccessToken> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let hangs = *self.hangs.lock().unwrap();
        if hangs {
            std::future::pending::<()>().await;
        }
        if *self.away.lock().unwrap() {
            let kind = azure_core::error::ErrorKind::Credential;
            return Err(azure_core::Error::with_message(kind, "the endpoint is unavailable"));
        }
        let number = self.given.fetch_add(1, Ordering::SeqCst) + 1;
        let expires_on = OffsetDateTime::now_utc() + *self.lifetime.lock().unwrap();
        Ok(AccessToken::new(format!("token {number}"), expires_on))
    }
}

fn keep(lifetime: Duration) -> (Arc<Numbered>, Arc<EntraPassword>) {
    let numbered = Arc::new(Numbered {
        lifetime: Mutex::new(lifetime),
        ..Numbered::default()
    });
    let credential = Arc::clone(&numbered);
    let make = move || {
        credential.made.fetch_add(1, Ordering::SeqCst);
        let credential: Arc<dyn TokenCredential> = credential.clone();
        Ok(credential)
    };
    (numbered, EntraPassword::start(make, "scope"))
}

fn text(token: Result<Secret, NoToken>) -> String {
    token.unwrap().secret().to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_token_is_refreshed_before_it_expires() {
    let (numbered, password) = keep(Duration::from_secs(20));
    assert_eq!(text(password.get().await), "token 1");
    // For ten minutes there is always a valid token, which is refreshed about every fifteen seconds.
    for _ in 0..600 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        password.get().await.unwrap();
    }
    let given = numbered.given.load(Ordering::SeqCst);
    assert!((600 / 16..=600 / 12).contains(&given), "{given}");
    assert_eq!(numbered.made.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn the_last_token_is_used_while_the_endpoint_is_unavailable() {
    let (numbered, password) = keep(HOUR);
    assert_eq!(text(password.get().await), "token 1");
    *numbered.away.lock().unwrap() = true;
    tokio::time::sleep(Duration::from_secs(3500)).await;
    assert_eq!(text(password.get().await), "token 1");
    assert!(password.problem().unwrap().contains("the endpoint is unavailable"));
    let asked = numbered.asked.load(Ordering::SeqCst);
    assert!(asked < 60, "with pauses that grow: {asked}");

    tokio::time::sleep(Duration::from_secs(200)).await;
    let error = password.get().await.unwrap_err().to_string();
    assert!(error.contains("the endpoint is unavailable"), "{error}");

    *numbered.away.lock().unwrap() = false;
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(text(password.get().await), "token 2");
    assert_eq!(password.problem(), None);
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_is_replaced_once_for_all_callers() {
    let (numbered, password) = keep(HOUR);
    let refused = password.get().await.unwrap();
    let (first, second) = tokio::join!(password.replace(&refused), password.replace(&refused));
    assert_eq!(
        (text(first), text(second)),
        ("token 2".to_owned(), "token 2".to_owned())
    );
    assert_eq!(text(password.replace(&refused).await), "token 2");
    assert_eq!(numbered.given.load(Ordering::SeqCst), 2);
    assert_eq!(
        numbered.made.load(Ordering::SeqCst),
        2,
        "bypasses the first one's cache"
    );

    // The new one is refused as well: a third one follows only after a pause.
    let newer = password.get().await.unwrap();
    assert!(password.replace(&newer).await.is_err());
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(text(password.replace(&newer).await), "token 3");
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_never_answers_is_asked_again() {
    let (numbered, password) = keep(HOUR);
    assert_eq!(text(password.get().await), "token 1");
    *numbered.hangs.lock().unwrap() = true;
    tokio::time::sleep(HOUR * 5 / 6).await;
    assert!(password.problem().unwrap().contains("within 30 seconds"));
    *numbered.hangs.lock().unwrap() = false;
    tokio::time::sleep(Duration::from_secs(150)).await;
    assert_eq!(text(password.get().await), "token 2");
    assert_eq!(password.problem(), None);
}

#[tokio::test(start_paused = true)]
async fn an_expired_token_is_not_returned() {
    let (_, password) = keep(Duration::ZERO);
    let error = password.get().await.unwrap_err().to_string();
    assert!(error.contains("had expired"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn no_debug_output_shows_the_token() {
    let (_, password) = keep(Duration::from_secs(60));
    let token = password.get().await.unwrap();
    assert!(!format!("{token:?}").contains("token 1"));
    let error = password.replace(&token).await.err();
    assert!(!format!("{error:?}").contains("token 1"));
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_opened_with_a_newer_token_if_the_first_is_refused() {
    let (numbered, password) = keep(HOUR);
    let open = |refused: &'static [&'static str]| {
        password.open(
            move |token| async move {
                let is_refused = refused.contains(&token.secret());
                if is_refused {
                    Err("28P01")
                } else {
                    Ok(token.secret().to_owned())
                }
            },
            |error| is_refusal(Some(error)),
        )
    };
    assert_eq!(open(&[]).await.unwrap(), "token 1");
    assert_eq!(open(&["token 1"]).await.unwrap(), "token 2");
    tokio::time::sleep(Duration::from_secs(10)).await;
    let both = open(&["token 2", "token 3"]).await;
    assert!(matches!(both, Err(OpenError::Driver("28P01"))), "{both:?}");
    let at_once = open(&["token 3", "token 4"]).await;
    assert!(matches!(at_once, Err(OpenError::NoToken(_))), "{at_once:?}");

    // Another error says nothing about the token.
    let away = password.open(|_| async { Err::<(), _>("08006") }, |error| is_refusal(Some(error)));
    assert!(matches!(away.await, Err(OpenError::Driver("08006"))));
    assert_eq!(numbered.given.load(Ordering::SeqCst), 3);
}

#[tokio::test(start_paused = true)]
async fn each_token_is_passed_on_once() {
    let (_, password) = keep(Duration::from_secs(20));
    let mut tokens = password.tokens();
    for number in 1..=5 {
        assert_eq!(tokens.next().await.unwrap().secret(), format!("token {number}"));
    }
    drop(password);
    assert!(tokens.next().await.is_none());
}
