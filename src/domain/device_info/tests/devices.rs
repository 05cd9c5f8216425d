//! User-Agents of devices in the field, and generated ones that imitate each other.

use std::{collections::BTreeSet, fmt::Write as _};

use proptest::{prelude::*, sample::select};

use super::super::{NormalizedDeviceInfo, Normalizer, ObservedConnection};

const TABLE: &str = include_str!("../../../../tests/golden/user_agents.tsv");

/// Matches any value.
const ANYTHING: &str = "*";

/// Texts that may surround a word of a television.
const BORROWED: &[&str] = &[
    "",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Linux; Android 13; Pixel 6) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/112.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Linux; Android 11; SM-T510) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/96.0.4664.45 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "Mozilla/5.0 (iPad; CPU OS 16_3 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
];

/// Words that are specific to televisions, boxes, sticks and consoles.
const WORDS: &[&str] = &[
    "SMART-TV",
    "SmartTV",
    "HbbTV/1.5.1 (+DRM; ; ; ; ;)",
    "Web0S; Linux/SmartTV",
    "LG NetCast.TV-2013",
    "Roku/DVP-9.20 (489.20E04111A)",
    "BRAVIA 4K UR2",
    "AppleTV6,2",
    "VIZIO SmartCast",
    "Tizen 2.4.0) TV Safari/538.1",
    "CrKey/1.56.500000",
    "NETTV/4.5.0",
    "CE-HTML/1.0",
    "VIDAA/6.0(Hisense;SmartTV;43A6;)",
    "OMI/4.9.0",
    "PlayStation 4 11.00",
    "Xbox One",
    "Nintendo Switch",
    "AQUOSBrowser/2.0",
    "SonyDTV140",
    "Opera TV Store/5606",
    "AFTMM Build/NS6265 Android",
    "MAG200 stbapp",
    "TiVo-Device",
];

struct DeviceRow {
    line: usize,
    maker: &'static str,
    hardware_type: &'static str,
    user_agent: &'static str,
    expected: [&'static str; 5],
}

fn rows() -> Vec<DeviceRow> {
    let lines = TABLE.lines().enumerate().filter(|(_, line)| !line.starts_with('#'));
    lines
        .map(|(number, line)| {
            let columns: Vec<&'static str> = line.split('\t').collect();
            let [_, hardware_type, maker, model, system, version, user_agent] = columns[..] else {
                panic!("line {}: 7 columns expected, {} found", number + 1, columns.len());
            };
            let expected = [hardware_type, maker, model, system, version];
            DeviceRow { line: number + 1, maker, hardware_type, user_agent, expected }
        })
        .collect()
}

fn normalize(normalizer: &Normalizer, user_agent: &str) -> NormalizedDeviceInfo {
    normalizer.normalize(
        None,
        &ObservedConnection { user_agent: Some(user_agent), ..ObservedConnection::default() },
    )
}

fn is_handheld_or_desktop(hardware_type: &str) -> bool {
    ["Desktop", "MobilePhone", "Tablet"].contains(&hardware_type)
}

#[test]
fn devices_in_the_field_are_identified_by_their_user_agents() {
    let normalizer = Normalizer::new();
    let mut wrong = String::new();
    for row in rows() {
        let normalized = normalize(&normalizer, row.user_agent);
        let version = &normalized.operating_system.version;
        let version = format!("{}.{}.{}", version.major, version.minor, version.patch);
        let maker = normalized.hardware.manufacturer.as_deref().unwrap_or("-");
        let actual = [
            &normalized.hardware_type,
            maker,
            &normalized.model,
            &normalized.operating_system.name,
            &version,
        ];
        let fits =
            actual.iter().zip(row.expected).all(|(actual, expected)| [ANYTHING, actual].contains(&expected));
        if !fits {
            let _ = writeln!(
                wrong,
                "line {}: {actual:?} is not {:?}: {}",
                row.line, row.expected, row.user_agent
            );
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn the_table_covers_200_televisions_of_30_manufacturers_and_the_devices_they_imitate() {
    let (others, televisions): (Vec<_>, Vec<_>) =
        rows().into_iter().partition(|row| is_handheld_or_desktop(row.hardware_type));
    let texts: BTreeSet<_> = televisions.iter().map(|row| row.user_agent).collect();
    let makers: BTreeSet<_> = televisions.iter().map(|row| row.maker).filter(|maker| *maker != "-").collect();
    assert!(texts.len() >= 200, "{} televisions", texts.len());
    assert!(makers.len() >= 30, "{} makers", makers.len());
    assert!(others.len() >= 20, "{} phones, tablets and desktops", others.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn borrowed_words_do_not_turn_a_television_into_another_type(
        before in select(BORROWED), word in select(WORDS), behind in select(BORROWED),
    ) {
        let normalized = normalize(&Normalizer::new(), &format!("{before} {word} {behind}"));
        prop_assert!(!is_handheld_or_desktop(&normalized.hardware_type), "{}", normalized.hardware_type);
        let system = normalized.operating_system.name;
        let borrowed = ["Mac OS", "iOS"].contains(&system.as_str()) || system == "Windows" && !word.contains("Xbox");
        prop_assert!(!borrowed, "{system}");
    }
}
