//! Visitors who read pages and send forms. A form whose answer is lost, or that is refused for now, is sent again with the
//! same form id, as a browser does when its page is sent again.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fastrand::Rng;
use futures_util::future::join_all;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use reqwest::header::{HeaderMap, LOCATION, RETRY_AFTER};
use reqwest::multipart::{Form, Part};
use reqwest::{Client, Response};
use restaurant_review::model::SubmissionId;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::journal::{Journal, Kind};
use crate::harness::{encoded, review};

const WRITERS: u64 = 24;
const READERS: u64 = 6;
/// The pause of a visitor between two requests, in milliseconds. It bounds the number of requests.
const PAUSE: std::ops::Range<u64> = 200..800;
/// How long a visitor waits for an answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a visitor sends a form again.
const PERSISTENCE: Duration = Duration::from_mins(2);
/// The longest pause before a form is sent again, whatever `Retry-After` says.
const LONGEST_PAUSE: u64 = 10;
/// The site has recovered when this many writes in a row succeed: two instances may recover one after the other.
const IN_A_ROW: u32 = 5;
/// How long a recovery may take. It is so long that only a site that does not recover at all reaches it.
const RECOVERY_LIMIT: Duration = Duration::from_mins(3);
/// The photos' degrees of brightness. A photo that is shown with another review has another brightness.
const BRIGHTNESS: [u8; 6] = [20, 60, 100, 140, 180, 220];

/// The visitors of a site.
pub struct Load {
    pub journal: Journal,
    client: Client,
    base: Mutex<String>,
    /// The paths of the restaurants.
    restaurants: Mutex<Vec<String>>,
    /// A file for each degree of brightness.
    photos: Vec<(u8, Vec<u8>)>,
    seed: u64,
    is_over: CancellationToken,
}

/// A form that was filled in.
struct Draft {
    kind: Kind,
    name: String,
    form_id: String,
    /// The path that it is sent to.
    path: String,
    /// Whether the page's script sends it. It gets 201 instead of a redirect.
    by_script: bool,
}

/// What became of a form that was sent.
enum Outcome {
    /// It was saved. This is the path of its restaurant.
    Acknowledged(String),
    /// It may be sent again after this pause.
    Again(Duration),
}

impl Load {
    /// No visitor has come yet.
    pub fn new(base: String, seed: u64) -> Arc<Self> {
        restaurant_review::tls::choose_provider();
        let client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .resolve("app.localhost", std::net::SocketAddr::from(([127, 0, 0, 1], 0)))
            .no_proxy()
            .timeout(PATIENCE)
            .build();
        let photo = |brightness| {
            let pixels = RgbImage::from_pixel(320, 240, Rgb([brightness; 3]));
            let file = encoded(&DynamicImage::ImageRgb8(pixels), ImageFormat::Jpeg);
            (brightness, file)
        };
        Arc::new(Self {
            journal: Journal::new(),
            client: client.unwrap(),
            base: Mutex::new(base),
            restaurants: Mutex::default(),
            photos: BRIGHTNESS.map(photo).into(),
            seed,
            is_over: CancellationToken::new(),
        })
    }

    /// The site has another address from now on.
    pub fn moved_to(&self, base: &str) {
        base.clone_into(&mut self.base.lock().unwrap());
    }

    /// Adds the first restaurants, and lets the visitors come.
    pub async fn start(self: &Arc<Self>) -> Visitors {
        let mut rng = Rng::with_seed(self.seed);
        for number in 0..6 {
            let draft = Draft {
                kind: Kind::Restaurant,
                ..self.draft(format!("first-{number}"), &mut rng)
            };
            self.write(&draft.sent_to("/add")).await;
        }
        assert!(!self.restaurants.lock().unwrap().is_empty(), "no restaurant was added");
        let writers = (0..WRITERS).map(|number| tokio::spawn(self.clone().keep_writing(number)));
        let readers = (0..READERS).map(|number| tokio::spawn(self.clone().keep_reading(WRITERS + number)));
        Visitors {
            load: self.clone(),
            tasks: writers.chain(readers).collect(),
        }
    }

    async fn keep_writing(self: Arc<Self>, number: u64) {
        let mut rng = Rng::with_seed(self.seed.wrapping_add(number));
        for count in 0.. {
            if self.is_over(&mut rng).await {
                return;
            }
            let draft = self.draft(format!("w{number}-{count}"), &mut rng);
            self.write(&draft).await;
        }
    }

    /// Pauses. Returns whether the soak is over.
    async fn is_over(&self, rng: &mut Rng) -> bool {
        let pause = Duration::from_millis(rng.u64(PAUSE));
        tokio::time::timeout(pause, self.is_over.cancelled()).await.is_ok()
    }

    /// A form of any kind.
    fn draft(&self, name: String, rng: &mut Rng) -> Draft {
        let restaurants = self.restaurants.lock().unwrap();
        let kind = match rng.u8(..10) {
            0 => Kind::Restaurant,
            1..8 => Kind::Review,
            _ => Kind::ReviewWithPhoto(*rng.choice(&BRIGHTNESS).unwrap()),
        };
        let path = match (kind, rng.choice(&*restaurants)) {
            (Kind::Restaurant, _) | (_, None) => "/add".to_owned(),
            (_, Some(restaurant)) => format!("/review/{}", restaurant.trim_matches('/')),
        };
        Draft {
            kind,
            name,
            form_id: SubmissionId::new_form_id(),
            path,
            by_script: rng.bool(),
        }
    }

    /// Sends a form until it is acknowledged or given up.
    async fn write(&self, draft: &Draft) {
        let started = Instant::now();
        let is_acknowledged = loop {
            match self.send(draft).await {
                Outcome::Acknowledged(restaurant) => {
                    if draft.kind == Kind::Restaurant {
                        self.restaurants.lock().unwrap().push(restaurant);
                    }
                    break true;
                }
                Outcome::Again(_) if started.elapsed() > PERSISTENCE => break false,
                Outcome::Again(pause) => sleep(pause).await,
            }
        };
        self.journal.wrote(draft.kind, &draft.name, is_acknowledged);
    }

    /// Sends a form once.
    async fn send(&self, draft: &Draft) -> Outcome {
        let mut request = self.client.post(self.url(&draft.path)).multipart(self.form(draft));
        if draft.by_script {
            request = request.header("x-requested-with", "fetch");
        }
        let answer = request.send().await;
        self.journal
            .answered(answer.as_ref().ok().map(|answer| answer.status().as_u16()));
        let Ok(answer) = answer else {
            return Outcome::Again(Duration::from_millis(500));
        };
        match answer.status().as_u16() {
            201 | 303 => Outcome::Acknowledged(text(answer.headers(), &LOCATION).to_owned()),
            429 | 502..=504 | 507 => Outcome::Again(retry_after(answer.headers())),
            status => {
                self.journal.surprise(&format!("a form was answered with {status}"));
                Outcome::Again(retry_after(answer.headers()))
            }
        }
    }

    fn form(&self, draft: &Draft) -> Form {
        let form = match draft.kind {
            Kind::Restaurant => Form::new()
                .text("restaurant_name", draft.name.clone())
                .text("street_address", "1 Main Street")
                .text("description", "Soaked food"),
            Kind::Review => review(&draft.name, "4", "Nice"),
            Kind::ReviewWithPhoto(brightness) => {
                let (_, photo) = self.photos.iter().find(|(known, _)| *known == brightness).unwrap();
                review(&draft.name, "5", "With a photo")
                    .part("reviewImage", Part::bytes(photo.clone()).file_name("photo.jpg"))
            }
        };
        form.text(SubmissionId::FIELD, draft.form_id.clone())
    }

    /// Waits until writes succeed again. Returns how long that took.
    pub async fn recovery(&self, rng: &mut Rng) -> Duration {
        let started = Instant::now();
        let mut first = None;
        let mut in_a_row = 0;
        for count in 0.. {
            // With a photo, so that both stores are needed.
            let draft = Draft {
                kind: Kind::ReviewWithPhoto(BRIGHTNESS[0]),
                ..self.draft(format!("p{}-{count}", rng.u32(..)), rng)
            };
            let path = self.restaurants.lock().unwrap()[0].replace('/', "");
            let outcome = self.send(&draft.sent_to(&format!("/review/{path}"))).await;
            let is_acknowledged = matches!(outcome, Outcome::Acknowledged(_));
            self.journal.wrote(draft.kind, &draft.name, is_acknowledged);
            if is_acknowledged {
                first.get_or_insert(started.elapsed());
                in_a_row += 1;
                if in_a_row == IN_A_ROW {
                    break;
                }
            } else {
                (first, in_a_row) = (None, 0);
                assert!(started.elapsed() < RECOVERY_LIMIT, "writes do not succeed again");
                sleep(Duration::from_millis(200)).await;
            }
        }
        first.unwrap()
    }

    async fn keep_reading(self: Arc<Self>, number: u64) {
        let mut rng = Rng::with_seed(self.seed.wrapping_add(number));
        let mut photos: Vec<String> = Vec::new();
        while !self.is_over(&mut rng).await {
            let restaurant = rng.choice(&*self.restaurants.lock().unwrap()).cloned().unwrap();
            let path = match rng.u8(..8) {
                0 => "/".to_owned(),
                1 => "/?sort=rating".to_owned(),
                2 => format!("/?q=w{}", rng.u64(..WRITERS)),
                3 => format!("/?q=soaked+street&sort=newest&n={}", rng.u32(..)),
                4 | 5 => restaurant,
                _ => photos.pop().unwrap_or(restaurant),
            };
            if let Some(page) = self.read(&path).await {
                photos = photos_in(&page);
            }
        }
    }

    /// Reads a page or a photo. Returns the page.
    async fn read(&self, path: &str) -> Option<String> {
        let answer = self.client.get(self.url(path)).send().await;
        let status = answer.as_ref().ok().map(|answer: &Response| answer.status().as_u16());
        self.journal.answered(status);
        match status {
            Some(200 | 429 | 502..=504 | 507) | None => {}
            Some(status) => {
                let what = if path.starts_with("/photos/") { "a photo" } else { path };
                self.journal.surprise(&format!("{what} was answered with {status}"));
            }
        }
        let page = answer
            .ok()
            .filter(|_| status == Some(200) && !path.starts_with("/photos/"))?;
        page.text().await.ok()
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base.lock().unwrap())
    }
}

impl Draft {
    fn sent_to(&self, path: &str) -> Self {
        Self {
            path: path.to_owned(),
            name: self.name.clone(),
            form_id: self.form_id.clone(),
            ..*self
        }
    }
}

/// The visitors who have come.
pub struct Visitors {
    load: Arc<Load>,
    tasks: Vec<JoinHandle<()>>,
}

impl Visitors {
    /// Lets each of them finish what it does.
    pub async fn leave(self) {
        self.load.is_over.cancel();
        for task in join_all(self.tasks).await {
            task.unwrap();
        }
    }
}

/// How long to wait before the same form is sent again.
fn retry_after(headers: &HeaderMap) -> Duration {
    let seconds = text(headers, &RETRY_AFTER).parse().unwrap_or(1);
    Duration::from_secs(seconds.min(LONGEST_PAUSE))
}

fn text<'a>(headers: &'a HeaderMap, name: &reqwest::header::HeaderName) -> &'a str {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or_default()
}

/// The addresses of the photos in a page, in all their sizes. A `srcset` has several in one attribute.
fn photos_in(page: &str) -> Vec<String> {
    let addresses = page.split("/photos/").skip(1);
    addresses
        .filter_map(|rest| Some(format!("/photos/{}", rest.split(['"', ' ']).next()?)))
        .collect()
}
