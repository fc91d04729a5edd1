//! What a search finds, in every store alike.

use std::collections::BTreeSet;
use std::path::Path;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use restaurant_review::model::{Direction, ListQuery, NewRestaurant, Search, Sort};
use restaurant_review::store::{ImportedRestaurant, Store};
use sqlx::migrate::Migrator;
use tempfile::TempDir;
use time::OffsetDateTime;

use crate::every_store::{Kind, fresh, on_every_store};
use crate::store::walk;

on_every_store! {
    [sqlite Kind::Sqlite, postgresql Kind::Postgres]
    {
        async
            every_spelling_is_found
            other_words_are_not_found
            only_the_first_words_count
            names_are_sorted_by_their_letters,
        blocking
            every_name_is_found_by_itself
    }
}

/// Names, and searches that must find them.
const FOUND: &[(&str, &str)] = &[
    // Case
    ("Burger Bar", "burger"),
    ("burger bar", "BURGER"),
    ("ΤΑΒΕΡΝΑ", "ταβερνα"),
    ("Пельменная", "ПЕЛЬМЕННАЯ"),
    ("Ծովակ", "ԾՈՎԱԿ"),
    ("𐐀𐐁", "𐐨𐐩"),
    // Beginnings of words
    ("Burger Bar", "bur"),
    ("Burger Bar", "b ba"),
    ("Burger Bar", "bar burger"),
    ("Пельменная", "пель"),
    ("दिल्ली दरबार", "दिल"),
    ("مطعم", "مط"),
    // Accents of Latin letters
    ("Café", "cafe"),
    ("Cafe", "café"),
    ("Cafe\u{301}", "café"),
    ("Café", "cafe\u{301}"),
    ("CAFÉ", "cafe"),
    ("Zürich", "zurich"),
    ("Żurek", "zurek"),
    ("Phở Hà Nội", "pho ha noi"),
    ("Bún chả", "BUN CHA"),
    ("Ğüven", "guven"),
    ("Çiçek", "cicek"),
    ("Ångström", "angstrom"),
    ("Köfte", "köf"),
    ("Ā̆Ē", "ae"),
    // Letters without a decomposition
    ("Łódź", "lodz"),
    ("Lodz", "łódź"),
    ("Smørrebrød", "smorrebrod"),
    ("Smorrebrod", "SMØRREBRØD"),
    ("Đà Nẵng", "da nang"),
    ("Da Nang", "đà nẵng"),
    ("Weißbier", "weissbier"),
    ("WEISSBIER", "weißbier"),
    ("Weissbier", "WEIẞBIER"),
    ("Œuf", "oeuf"),
    ("Oeuf", "œuf"),
    ("Ærø", "aero"),
    ("Aero", "ÆRØ"),
    ("Ísafjörður", "isafjordur"),
    ("Þingvellir", "thingvellir"),
    ("Ħamrun", "hamrun"),
    ("Ŧáhtta", "tahtta"),
    ("Kırmızı", "kirmizi"),
    ("Kirmizi", "kırmızı"),
    ("KIRMIZI", "kırmızı"),
    ("İstanbul", "istanbul"),
    ("Istanbul", "İSTANBUL"),
    ("ısparta", "ISPARTA"),
    // Greek
    ("Ψαροταβέρνα", "ψαροταβερνα"),
    ("ΨΑΡΟΤΑΒΕΡΝΑ", "ψαροταβέρνα"),
    ("Ο Γιώργος", "ΓΙΩΡΓΟΣ"),
    ("Ο ΓΙΩΡΓΟΣ", "γιώργος"),
    ("Ο Γιώργος", "γιωργοσ"),
    ("Γιώργοσ", "Γιώργος"),
    ("Μαΐου", "μαιου"),
    ("ᾠδή", "ωδη"),
    // Cyrillic
    ("Ёлки", "елки"),
    ("Елки", "ЁЛКИ"),
    ("Чайная", "чаиная"),
    ("Чаиная", "чайная"),
    ("Їжак", "іжак"),
    ("Па́сха", "пасха"),
    // Apostrophes
    ("O'Brien", "obrien"),
    ("O'Brien", "o’brien"),
    ("O’Brien", "o'brien"),
    ("O’Brien", "o`brien"),
    ("OBrien", "o'brien"),
    ("OʼBrien", "O´Brien"),
    ("O´Brien", "obrien"),
    ("O`Brien", "O'Brien"),
    ("O＇Brien", "obrien"),
    ("O'Brien", "brien"),
    ("O'Brien", "o brien"),
    ("L’Étoile", "etoile"),
    ("L’Étoile", "letoile"),
    ("Joe's Diner", "joes"),
    ("Joes Diner", "joe's"),
    ("Joe's Diner", "joe"),
    ("Haleʻiwa", "haleiwa"),
    ("Haleiwa", "haleʻiwa"),
    ("‘Rock ’n’ Roll’", "rock n roll"),
    // Punctuation separates words
    ("Jean-Paul", "jean"),
    ("Jean-Paul", "paul"),
    ("Jean-Paul", "jean-paul"),
    ("Jean-Paul", "paul jean"),
    ("Nod & Sons", "nod & sons"),
    ("Nod & Sons", "sons"),
    ("100% Vegan", "100%"),
    ("Fish/Chips", "chips"),
    ("Bar (Café)", "cafe"),
    // Forms
    ("ﬁsh", "fish"),
    ("Ｃａｆｅ", "cafe"),
    ("Route ６６", "66"),
    ("№5", "no5"),
    // Invisible characters
    ("Piz\u{ad}za", "pizza"),
    ("Pizza", "piz\u{200b}za"),
    ("\u{2066}Pizza\u{2069}", "pizza"),
    ("Piz\u{200d}za", "pizza"),
    ("東\u{200b}京", "東京"),
    // Chinese
    ("老北京炸酱面馆", "老北京"),
    ("老北京炸酱面馆", "炸酱面"),
    ("老北京炸酱面馆", "馆"),
    ("老北京炸酱面馆", "北京 面馆"),
    ("鼎泰豐", "泰豐"),
    ("𠮷野家", "野家"),
    ("𠮷野家", "𠮷"),
    // Japanese
    ("東京ラーメン", "ラーメン"),
    ("東京ラーメン", "ーメ"),
    ("東京ラーメン", "京ラ"),
    ("東京ラーメン", "ﾗｰﾒﾝ"),
    ("ﾗｰﾒﾝ", "ラーメン"),
    ("すし処がんこ", "がん"),
    ("すし処か\u{3099}んこ", "がん"),
    ("すし処がんこ", "か\u{3099}ん"),
    ("佐々木", "々木"),
    ("Café東京", "東京"),
    ("Café東京", "cafe"),
    ("Café東京", "café東京"),
    ("東京Tower", "tower"),
    ("東京Tower", "東京tow"),
    ("24時間", "24時"),
    // Korean
    ("서울식당", "서울"),
    ("서울식당", "식당"),
    ("서울식당", "울식"),
    ("\u{1109}\u{1165}\u{110b}\u{116e}\u{11af}식당", "서울"),
    ("서울식당", "\u{1109}\u{1165}\u{110b}\u{116e}\u{11af}"),
    ("서울 식당", "식당 서울"),
    // Thai, and others that do not separate words
    ("ร้านอาหารไทย", "อาหาร"),
    ("ร้านอาหารไทย", "ไทย"),
    ("ร้านอาหารไทย", "ร้าน"),
    ("น้ำพริก", "น้ำ"),
    ("ຮ້ານອາຫານ", "ອາຫານ"),
    ("ភោជនីយដ្ឋាន", "ដ្ឋាន"),
    ("စားသောက်ဆိုင်", "ဆိုင်"),
    // Hebrew and Arabic points
    ("שָׁלוֹם", "שלום"),
    ("مُطْعَم", "مطعم"),
];

/// Names, and searches that must not find them.
const NOT_FOUND: &[(&str, &str)] = &[
    ("Burger Bar", "urger"),
    ("Burger Bar", "burgers"),
    ("Burger Bar", "burger pub"),
    ("Café", "caffe"),
    ("O'Brien", "rien"),
    ("Jean-Paul", "eanpaul"),
    ("Joe's Diner", "joesd"),
    ("Pizza", "%"),
    ("Pizza", "' & |"),
    ("Pizza", "🍕"),
    ("🍕", "🍕"),
    ("Pizza", "pizza*x"),
    ("Pizza", "東"),
    ("東京", "京東"),
    ("東京と京都", "東都"),
    ("日本酒と本人", "日本人"),
    ("大阪", "大坂"),
    ("ホル", "ボル"),
    ("かき", "がき"),
    ("ハンバーグ", "パンハ"),
    ("서울식당", "서식"),
    ("서울식당", "당서"),
    ("ผัดไทย", "ผดไทย"),
    ("ร้านไทย", "ไทยร้าน"),
    ("Ελιά", "елиа"),
    ("Пир", "tup"),
    ("दिल", "दल"),
    ("Ł", "t"),
];

async fn only_the_first_words_count(kind: Kind) {
    let (_guard, store) = fresh(kind).await;
    import(&*store, ["One two three four five six seven eight nine"]).await;
    for (search, is_found) in [
        ("one two three four five six seven eight", true),
        ("one two three four five six seven ten", false),
        ("one two three four five six seven eight ten", true),
        ("ten one two three four five six seven eight", false),
    ] {
        assert_eq!(!found(&*store, search).await.is_empty(), is_found, "{search}");
    }
}

/// Adds restaurants with these names.
pub async fn import(store: &dyn Store, names: impl IntoIterator<Item = impl Into<String>>) {
    let imported: Vec<_> = names
        .into_iter()
        .map(|name| ImportedRestaurant {
            restaurant: NewRestaurant {
                name: name.into(),
                street_address: "1 Main Street".into(),
                description: "Good".into(),
            },
            created_at: OffsetDateTime::UNIX_EPOCH,
            reviews: Vec::new(),
        })
        .collect();
    store.import(&imported).await.unwrap();
}

/// The names that a search finds.
pub async fn found(store: &dyn Store, search: &str) -> BTreeSet<String> {
    let query = ListQuery {
        search: Search::parse(search),
        ..ListQuery::default()
    };
    let page = store.list(&query).await.unwrap();
    assert!(page.after.is_none(), "one page is enough here");
    page.restaurants.into_iter().map(|row| row.name).collect()
}

async fn every_spelling_is_found(kind: Kind) {
    let (_guard, store) = fresh(kind).await;
    let names: BTreeSet<_> = FOUND.iter().map(|(name, _)| *name).collect();
    import(&*store, names).await;
    let mut missed = Vec::new();
    for (name, search) in FOUND {
        if !found(&*store, search).await.contains(*name) {
            missed.push((name, search));
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

async fn other_words_are_not_found(kind: Kind) {
    let (_guard, store) = fresh(kind).await;
    let names: BTreeSet<_> = NOT_FOUND.iter().map(|(name, _)| *name).collect();
    import(&*store, names).await;
    let mut wrong = Vec::new();
    for (name, search) in NOT_FOUND {
        if found(&*store, search).await.contains(*name) {
            wrong.push((name, search));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    // The name, the address and the description are not read as one text.
    let across = NewRestaurant {
        name: "全聚".into(),
        street_address: "德路".into(),
        description: "東".into(),
    };
    store.add_restaurant(&across, None).await.unwrap();
    for (search, expected) in [
        ("全聚", true),
        ("德路", true),
        ("東", true),
        ("聚德", false),
        ("路東", false),
    ] {
        assert_eq!(found(&*store, search).await.contains("全聚"), expected, "{search}");
    }
}

async fn names_are_sorted_by_their_letters(kind: Kind) {
    let (_guard, store) = fresh(kind).await;
    let sorted = [
        "Äpfel",
        "apple",
        "élan",
        "ELAND",
        "Fig",
        "Łódź",
        "Lodzer",
        "O’Brien",
        "obriens",
        "Øl",
        "Zebra",
        "Ёлка",
        "ель",
        "東京",
    ];
    import(&*store, sorted.into_iter().rev()).await;
    let ids = walk(&*store, Sort::Name, "", Direction::After, async |_| {}).await;
    assert_eq!(ids, (1..=14).rev().collect::<Vec<_>>());
}

/// The migration that the first version of the site had. The folder contains it.
pub async fn first_migration(database: &str) -> (TempDir, Migrator) {
    let folder = tempfile::tempdir().unwrap();
    let name = "0001_restaurants_and_reviews.sql";
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("migrations")
        .join(database)
        .join(name);
    std::fs::copy(file, folder.path().join(name)).unwrap();
    let migrator = Migrator::new(folder.path()).await.unwrap();
    (folder, migrator)
}

/// Any name, in any letters, is found by itself, in upper and in lower case, if it has letters or digits.
fn every_name_is_found_by_itself(kind: Kind) {
    let mut runner = TestRunner::new(kind.cases());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    // Not Greek's small iota below a letter, which is an accent for a search, and a letter in upper case.
    let name = "[^\\p{Cc}\u{345}ᾀ-ᾯᾲ-ᾴᾷᾼῂ-ῄῇῌῲ-ῴῷῼ]{1,50}";
    let names = proptest::collection::btree_set(name, 1..40);
    runner
        .run(&names, |names| {
            runtime.block_on(async {
                let (_guard, store) = fresh(kind).await;
                import(&*store, &names).await;
                for name in &names {
                    for search in [name.clone(), name.to_lowercase(), name.to_uppercase()] {
                        let has_terms = Search::parse(&search).terms().is_some_and(|terms| !terms.is_empty());
                        let found = found(&*store, &search).await;
                        prop_assert!(!has_terms || found.contains(name), "{name:?} by {search:?}");
                    }
                }
                Ok(())
            })
        })
        .unwrap();
}
