//! The private links of writers, on their way to a page of the restaurant: it shows that of a new review once, and the
//! browser forgets that of a deleted one.
//!
//! A cookie carries each of them. Its name has the restaurant, so that no other page shows it, and the beginning of the
//! key, so that two reviews which are sent at the same time both keep theirs.

use std::time::Duration;

use axum_extra::extract::CookieJar;

use super::cookie::{GONE, Name, WRITER, cookie};
use crate::config::Config;
use crate::model::{Capability, RestaurantId};

/// How long a link waits for its page, which a visitor may not reach for a while: the connection may be lost after the
/// review was saved.
const WAITS_FOR: Duration = Duration::from_hours(24);

/// The private links that the cookies of a request have for a page.
#[derive(Debug, Default)]
pub struct WriterLinks {
    /// Those of new reviews, to be shown.
    pub new: Vec<String>,
    /// Those of deleted reviews, to be forgotten.
    pub gone: Vec<String>,
    /// The part of a response that removes these cookies.
    pub shown: CookieJar,
}

impl WriterLinks {
    /// Those for this restaurant's page; `None` if there are none.
    #[must_use]
    pub fn of(config: &Config, cookies: &CookieJar, restaurant: RestaurantId) -> Option<Self> {
        let mut links = Self::default();
        for sent in cookies.iter() {
            let is_of = |name| sent.name().starts_with(&prefix(config, name, restaurant));
            let list = match (is_of(WRITER), is_of(GONE)) {
                (true, _) => &mut links.new,
                (_, true) => &mut links.gone,
                _ => continue,
            };
            if let Ok(key) = sent.value().parse() {
                list.push(writer_url(&key));
            }
            links.shown = links
                .shown
                .add(cookie(config, sent.name().to_owned(), "", Duration::ZERO));
        }
        let is_any = links.shown.iter().next().is_some();
        is_any.then_some(links)
    }

    /// The part of a response that hands the link of a new review to the next page of its restaurant.
    pub fn of_new_review(config: &Config, restaurant: RestaurantId, key: &Capability) -> CookieJar {
        waiting(config, WRITER, restaurant, key)
    }

    /// The part of a response that hands the link of a deleted review to the next page of its restaurant.
    pub fn of_deleted_review(config: &Config, restaurant: RestaurantId, key: &Capability) -> CookieJar {
        waiting(config, GONE, restaurant, key)
    }
}

/// The path of the page that this key of a private link opens.
#[must_use]
pub fn writer_url(key: &Capability) -> String {
    format!("/review/edit/{}", key.expose())
}

fn waiting(config: &Config, name: Name, restaurant: RestaurantId, key: &Capability) -> CookieJar {
    let name = prefix(config, name, restaurant) + &key.expose()[..8];
    CookieJar::new().add(cookie(config, name, key.expose().to_owned(), WAITS_FOR))
}

fn prefix(config: &Config, name: Name, restaurant: RestaurantId) -> String {
    format!("{}-{restaurant}-", name.of(config))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;
    use axum::http::header::COOKIE;

    use super::*;

    #[test]
    fn a_page_gets_the_links_of_its_restaurant() {
        for hostname in [None, Some("example.azurewebsites.net".to_owned())] {
            let mut config = Config::for_test("unused".into());
            config.website_hostname = hostname;
            let keys: Vec<_> = (0..4).map(|_| Capability::random()).collect();
            let left = [
                WriterLinks::of_new_review(&config, RestaurantId(1), &keys[0]),
                WriterLinks::of_new_review(&config, RestaurantId(1), &keys[1]),
                WriterLinks::of_new_review(&config, RestaurantId(12), &keys[2]),
                WriterLinks::of_deleted_review(&config, RestaurantId(1), &keys[3]),
            ];
            let pairs: Vec<_> = left.iter().flat_map(CookieJar::iter).collect();
            let mut headers = HeaderMap::new();
            for pair in &pairs {
                assert_eq!(pair.name().starts_with("__Host-"), config.is_https());
                assert!(pair.http_only() == Some(true) && pair.path() == Some("/"));
                headers.append(COOKIE, pair.stripped().to_string().parse().unwrap());
            }
            // Nonsense is removed, and shown nowhere.
            headers.append(
                COOKIE,
                format!("{}=<b>", prefix(&config, WRITER, RestaurantId(1)))
                    .parse()
                    .unwrap(),
            );
            let jar = CookieJar::from_headers(&headers);
            let links = WriterLinks::of(&config, &jar, RestaurantId(1)).unwrap();
            let mut new = links.new.clone();
            new.sort();
            let mut wanted: Vec<_> = keys[..2].iter().map(writer_url).collect();
            wanted.sort();
            assert_eq!((new, links.gone.clone()), (wanted, vec![writer_url(&keys[3])]));
            assert_eq!(links.shown.iter().count(), 4);
            assert!(WriterLinks::of(&config, &jar, RestaurantId(2)).is_none());
        }
    }
}
