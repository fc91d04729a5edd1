//! `restaurant-review seed`: adds demo data. The same `--seed` adds the same data.

use clap::Args;
use clap::builder::RangedU64ValueParser;
use fastrand::Rng;
use image::{ImageFormat, Rgb, RgbImage};
use std::io::Cursor;
use std::time::Instant;
use time::Duration;

use crate::config::Config;
use crate::error_chain::chain;
use crate::model::{NewRestaurant, NewReview, Rating};
use crate::open::{StartError, open};
use crate::photos::PhotoName;
use crate::store::ImportedRestaurant;

/// How much demo data to add.
#[derive(Debug, Args)]
pub struct Options {
    /// How many restaurants to add.
    #[arg(long, default_value_t = 50, value_parser = at_most(1_000_000))]
    pub restaurants: usize,
    /// How many reviews to add, at most 10,000 for each restaurant. Some restaurants get more than others.
    #[arg(long, default_value_t = 1000, value_parser = at_most(100_000_000))]
    pub reviews: usize,
    /// How many of the reviews have a photo. The photos are generated.
    #[arg(long, default_value_t = 40, value_parser = at_most(100_000))]
    pub photos: usize,
    /// The seed of the random numbers: the same seed gives the same data.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// Accepts numbers that a disk has room for.
fn at_most(most: u64) -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(0..=most)
}

/// How many restaurants are saved in one transaction, or fewer with so many reviews.
const BATCH: usize = 500;
const BATCH_REVIEWS: usize = 10_000;
/// The most reviews of a restaurant on average. They are in memory at the same time.
const REVIEWS_EACH: usize = 10_000;
/// How often the progress is said.
const PROGRESS: std::time::Duration = std::time::Duration::from_secs(2);

// Lists of names, separated by commas.
const OWNERS: &str = "\
    Contoso, Fabrikam, Adventure Works, Northwind, Tailspin, Woodgrove, Proseware, Litware, Fourth Coffee, \
    Lamna, Bellows, Relecloud, VanArsdel, Wingtip, Trey, Margie's, Alpine, Humongous, Coho, Munson's";
const KINDS: &[(&str, &str)] = &[
    ("Bakery", "Sourdough, rolls and cakes from six in the morning"),
    ("Bistro", "A short menu that changes with the market"),
    ("Burger Bar", "Burgers from the grill and fries cut by hand"),
    ("Café", "Coffee roasted next door and something sweet with it"),
    ("Cantina", "Tacos, salsas and a long list of mezcal"),
    ("Curry House", "Curries from mild to brave, breads from the oven"),
    ("Diner", "Breakfast all day and pie until it is gone"),
    ("Noodle Bar", "Broth that cooked all night and noodles pulled to order"),
    ("Pizzeria", "Wood-fired pizza with few, good things on it"),
    ("Smørrebrød", "Open sandwiches that are almost too pretty to eat"),
    ("Sushi", "A counter with twelve seats and one knife"),
    ("Taverna", "Grilled fish, lemon, and a table outside"),
    ("Vegan Kitchen", "Everything from plants, nothing missing"),
    ("Wine Bar", "Natural wines by the glass, plates to share"),
];
const LOCATIONS: &str = "\
    at the Harbour, on the Square, by the Park, Old Town, Riverside, Uptown, Station, Garden, Corner, ";
const STREETS: &str = "\
    Main Street, Market Street, Harbour Road, Station Road, Park Avenue, Mill Lane, Church Street, \
    Elm Street, Bridge Street, Queen Street";
const TOWNS: &str = "Redmond, Dublin, Zürich, Oslo, Leeds, Porto, Gent, Lyon, Málaga, Kraków";
const EXTRAS: &[&str] = &[
    "Book ahead at weekends.",
    "Dogs are welcome.",
    "Cash and card.",
    "Closed on Mondays.",
    "Children eat for half the price.",
    "There is a terrace.",
    "Wheelchair accessible.",
];
const PEOPLE: &str = "\
    Ada, Björn, Chidi, Dolores, Elif, Farid, Grace, Hiro, Ines, Jürgen, Kateryna, Liam, Mei, Noor, \
    Oluwaseun, Priya, Quentin, Rosa, Søren, Tomás, Uma, Vera, Wei, Ximena, Yusuf, Zofia";
const OPINIONS: [&[&str]; 5] = [
    &[
        "We waited an hour and left hungry.",
        "Cold food, colder welcome.",
        "Not again.",
    ],
    &[
        "Fine room, tired kitchen.",
        "The starter was good. Then it went downhill.",
        "Too loud and too salty.",
    ],
    &[
        "Solid, nothing more.",
        "Good value for lunch.",
        "Nice people, average plates.",
    ],
    &[
        "Lovely evening, we will be back.",
        "Great food; book a table by the window.",
        "Almost perfect, only dessert took long.",
    ],
    &[
        "The best meal of our trip!",
        "Worth every minute of the queue.",
        "Wonderful from the bread to the coffee.",
        "Five stars, and I never give five stars.",
    ],
];

/// Generates the data and saves it.
pub async fn run(config: Config, options: &Options) -> Result<(), StartError> {
    if options.restaurants == 0 && options.reviews > 0 {
        return Err(StartError(
            "--reviews needs at least one restaurant. Set --restaurants, or --reviews 0.".into(),
        ));
    }
    if options.reviews > options.restaurants.saturating_mul(REVIEWS_EACH) {
        return Err(StartError(format!(
            "--reviews is at most {REVIEWS_EACH} for each restaurant. Set a larger --restaurants."
        )));
    }
    let app = open(config).await?;
    app.store
        .prepare()
        .await
        .map_err(|error| StartError(format!("The store is not ready: {}.", chain(&error))))?;
    let failed = |error: &(dyn std::error::Error + 'static)| {
        StartError(format!("The demo data could not be saved: {}.", chain(error)))
    };
    let mut rng = Rng::with_seed(options.seed);
    let shares = shares(options, &mut rng);
    let mut photos_left = options.photos.min(options.reviews);
    let mut reviews_left = options.reviews;
    let mut batch = Vec::with_capacity(BATCH);
    let mut reviews_in_batch = 0;
    let mut said = Instant::now();
    let mut say = |index, reviews_left| {
        if said.elapsed() >= PROGRESS {
            said = Instant::now();
            let (restaurants, reviews) = (shares.len(), options.reviews);
            eprintln!(
                "{index} of {restaurants} restaurants, {} of {reviews} reviews",
                reviews - reviews_left
            );
        }
    };
    for (index, &reviews) in shares.iter().enumerate() {
        say(index, reviews_left);
        let mut imported = restaurant(&mut rng, reviews);
        for (_, _, photo) in &mut imported.reviews {
            say(index, reviews_left);
            if rng.usize(0..reviews_left) < photos_left {
                let name = PhotoName::from_seeded(&mut rng);
                let picture = app
                    .photo_processor
                    .process(draw(&mut rng))
                    .await
                    .expect("a drawn picture can be read");
                app.photos.put(&name, &picture).await.map_err(|error| failed(&error))?;
                *photo = Some(name);
                photos_left -= 1;
            }
            reviews_left -= 1;
        }
        batch.push(imported);
        reviews_in_batch += reviews;
        if batch.len() == BATCH || reviews_in_batch >= BATCH_REVIEWS || index + 1 == shares.len() {
            app.store.import(&batch).await.map_err(|error| failed(&error))?;
            batch.clear();
            reviews_in_batch = 0;
        }
    }
    println!(
        "added {} restaurants with {} reviews, {} of them with a photo",
        options.restaurants,
        options.reviews,
        options.photos.min(options.reviews)
    );
    Ok(())
}

/// How many reviews each restaurant gets: most get a few, some get many, a few get none.
fn shares(options: &Options, rng: &mut Rng) -> Vec<usize> {
    let weights: Vec<f64> = (0..options.restaurants).map(|_| rng.f64().powi(3)).collect();
    let total: f64 = weights.iter().sum();
    let mut given = 0;
    let mut sum = 0.0;
    weights
        .iter()
        .map(|weight| {
            sum += weight;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_precision_loss,
                clippy::cast_sign_loss,
                reason = "a share of a number of reviews, between 0 and that number"
            )]
            let until = (options.reviews as f64 * sum / total).round() as usize;
            let share = until - given;
            given = until;
            share
        })
        .collect()
}

fn restaurant(rng: &mut Rng, reviews: usize) -> ImportedRestaurant {
    let (kind, about) = pick(rng, KINDS);
    let name = format!("{} {kind} {}", pick_name(rng, OWNERS), pick_name(rng, LOCATIONS))
        .trim()
        .to_owned();
    let street_address = format!(
        "{} {}, {}",
        rng.u16(1..200),
        pick_name(rng, STREETS),
        pick_name(rng, TOWNS)
    );
    let description = format!("{about}. {}", pick(rng, EXTRAS));
    // A fixed day, so that the same seed gives the same data on any day.
    let epoch = time::macros::datetime!(2026-01-01 12:00 UTC);
    let created_at = epoch - Duration::days(rng.i64(300..1000));
    let charm = rng.f64();
    let reviews = (0..reviews).map(|_| {
        let date = created_at + Duration::minutes(rng.i64(60..300 * 24 * 60));
        (review(rng, charm), date, None)
    });
    ImportedRestaurant {
        restaurant: NewRestaurant {
            name,
            street_address,
            description,
        },
        created_at,
        reviews: reviews.collect(),
    }
}

/// A review of a restaurant with this charm, from 0 to 1.
fn review(rng: &mut Rng, charm: f64) -> NewReview {
    let luck = rng.f64().midpoint(rng.f64());
    let stars = match charm * 0.6 + luck * 0.4 {
        ..0.2 => 1,
        ..0.35 => 2,
        ..0.5 => 3,
        ..0.65 => 4,
        _ => 5,
    };
    let opinions = OPINIONS[stars - 1];
    let review_text = if rng.u8(0..10) == 0 {
        String::new()
    } else if rng.u8(0..3) == 0 {
        format!("{} {}", pick(rng, opinions), pick(rng, EXTRAS))
    } else {
        (*pick(rng, opinions)).to_owned()
    };
    let rating = Rating::new(i64::try_from(stars).expect("1 to 5")).expect("1 to 5");
    NewReview {
        user_name: pick_name(rng, PEOPLE).to_owned(),
        rating,
        review_text,
    }
}

fn pick<'a, T>(rng: &mut Rng, from: &'a [T]) -> &'a T {
    &from[rng.usize(0..from.len())]
}

fn pick_name(rng: &mut Rng, names: &'static str) -> &'static str {
    let names: Vec<&str> = names.split(", ").collect();
    names[rng.usize(0..names.len())]
}

/// A picture of a plate, as PNG.
fn draw(rng: &mut Rng) -> Vec<u8> {
    const SIZE: (u32, u32) = (640, 480);
    let table = Rgb([rng.u8(40..130), rng.u8(40..130), rng.u8(40..130)]);
    let rim = Rgb([rng.u8(200..245), rng.u8(200..245), rng.u8(200..245)]);
    let bites: Vec<_> = (0..rng.u32(6..14))
        .map(|_| {
            let (angle, distance) = (rng.f32() * std::f32::consts::TAU, rng.f32() * 95.0);
            let centre = (320.0 + angle.cos() * distance, 240.0 + angle.sin() * distance);
            let radius = 18.0 + rng.f32() * 34.0;
            (centre, radius, Rgb([rng.u8(150..), rng.u8(60..200), rng.u8(20..90)]))
        })
        .collect();
    let picture = RgbImage::from_fn(SIZE.0, SIZE.1, |x, y| {
        #[expect(clippy::cast_precision_loss, reason = "coordinates below 640")]
        let distance = |centre: (f32, f32)| (x as f32 - centre.0).hypot(y as f32 - centre.1);
        let bite = bites
            .iter()
            .rev()
            .find(|(centre, radius, _)| distance(*centre) < *radius);
        match (bite, distance((320.0, 240.0))) {
            (Some((.., food)), _) => *food,
            (None, ..160.0) => Rgb([250, 250, 248]),
            (None, ..195.0) => rim,
            (None, _) => table,
        }
    });
    let mut png = Cursor::new(Vec::new());
    picture
        .write_to(&mut png, ImageFormat::Png)
        .expect("a picture can be written to memory");
    png.into_inner()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_data() {
        let make = |seed| {
            let mut rng = Rng::with_seed(seed);
            format!("{:?} {:?}", restaurant(&mut rng, 5), draw(&mut rng).len())
        };
        assert_eq!(make(1), make(1));
        assert_ne!(make(1), make(2));
    }

    #[test]
    fn shares_add_up() {
        for (restaurants, reviews) in [(1, 7), (50, 1000), (1000, 3), (10, 0), (0, 0)] {
            let options = Options {
                restaurants,
                reviews,
                photos: 0,
                seed: 1,
            };
            let shares = shares(&options, &mut Rng::with_seed(1));
            assert_eq!(shares.len(), restaurants);
            assert_eq!(shares.iter().sum::<usize>(), reviews);
        }
    }

    #[test]
    fn demo_data_follows_the_rules_of_the_forms() {
        let mut rng = Rng::with_seed(3);
        for _ in 0..500 {
            let made = restaurant(&mut rng, 3);
            assert!(made.restaurant.name.chars().count() <= 50, "{}", made.restaurant.name);
            assert!(made.restaurant.street_address.chars().count() <= 50);
            assert!(made.restaurant.description.chars().count() <= 250);
            assert!(
                made.reviews
                    .iter()
                    .all(|(review, ..)| review.review_text.chars().count() <= 500)
            );
        }
    }
}
