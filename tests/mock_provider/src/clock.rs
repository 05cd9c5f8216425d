//! The mock's clock, in milliseconds since the epoch.

use std::time::{SystemTime, UNIX_EPOCH};

use http::HeaderValue;

/// The system's time plus the offset that tests set.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    offset: i64,
}

impl Clock {
    /// The current time.
    pub(crate) fn now(&self) -> i64 {
        system_time() + self.offset
    }

    /// Advances the clock, or sets it back if this is negative.
    pub(crate) fn advance(&mut self, milliseconds: i64) {
        self.offset += milliseconds;
    }
}

#[expect(clippy::disallowed_methods, reason = "every other module gets the time from here")]
fn system_time() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_millis()).expect("before the year 292 million")
}

/// The time in the format of a `Date` header (RFC 9110, section 5.6.7).
pub(crate) fn http_date(now: i64) -> HeaderValue {
    const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let seconds = now.div_euclid(1000);
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let text = format!(
        "{}, {day:02} {} {year:04} {:02}:{:02}:{:02} GMT",
        DAYS[(days + 4).rem_euclid(7) as usize],
        MONTHS[month as usize - 1],
        second / 3600,
        second / 60 % 60,
        second % 60,
    );
    HeaderValue::from_str(&text).expect("ASCII")
}

/// The year, month and day of this day after the epoch. The calculation starts years in March, so that the leap day is the
/// last day of a year.
fn civil(days: i64) -> (i64, i64, i64) {
    const DAYS_TO_EPOCH: i64 = 719_468;
    const DAYS_IN_ERA: i64 = 146_097;
    let days = days + DAYS_TO_EPOCH;
    let (era, day_of_era) = (days.div_euclid(DAYS_IN_ERA), days.rem_euclid(DAYS_IN_ERA));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_in_the_fixed_format() {
        for (milliseconds, text) in [
            (784_111_777_000, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_400_000, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (-1, "Wed, 31 Dec 1969 23:59:59 GMT"),
        ] {
            assert_eq!(http_date(milliseconds), text);
        }
    }
}
