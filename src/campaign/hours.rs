//! When a recipient may be called, by the clock on its own wall. Pure.

use std::collections::HashMap;

use super::window;
use crate::model::{Campaign, NewRecipient, Timestamp, Window, Zone, whereabouts};

/// Whether somebody may be called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hours {
    /// Now.
    Open,
    /// From then on.
    Later(Timestamp),
    /// The zones in which its number may lie have no hour in common, with each other or with the campaign's own window.
    Never,
}

/// May this recipient of a campaign be called now, while the campaign's own window is open?
pub fn are_open(campaign: &Campaign, recipient: &NewRecipient, now: Timestamp) -> bool {
    let window = &campaign.callee_window;
    *window == Window::default()
        || zones(campaign, recipient).iter().all(|zone| window::is_open(window, zone, now))
}

/// When each of these recipients may be called: by its own clock, within the campaign's window.
pub fn of<'r>(
    campaign: &'r Campaign,
    recipients: impl Iterator<Item = &'r NewRecipient>,
    now: Timestamp,
) -> Vec<Hours> {
    // To look for an hour that many zones have in common takes its time, and most recipients lie in the same few.
    let mut known: HashMap<Vec<&str>, Hours> = HashMap::new();
    let hours = |recipient| {
        let zones = zones(campaign, recipient);
        let names = zones.iter().map(Zone::name).collect();
        *known.entry(names).or_insert_with(|| {
            let own = std::iter::once((&campaign.window, &campaign.zone));
            let windows: Vec<_> =
                own.chain(zones.iter().map(|zone| (&campaign.callee_window, zone))).collect();
            match window::next_open_in_all(&windows, now) {
                Some(at) if at <= now => Hours::Open,
                Some(at) => Hours::Later(at),
                None => Hours::Never,
            }
        })
    };
    recipients.map(hours).collect()
}

/// Whose clocks must all show an hour of the window: that of the zone that was said, or of all in which the number may lie; where nothing
/// is known of it, the campaign's own.
fn zones<'r>(campaign: &'r Campaign, recipient: &'r NewRecipient) -> &'r [Zone] {
    let said = recipient.zone.as_ref().map(std::slice::from_ref);
    let by_number = || Some(whereabouts::zones_of(&recipient.phone)).filter(|zones| !zones.is_empty());
    said.or_else(by_number).unwrap_or(std::slice::from_ref(&campaign.zone))
}

#[cfg(test)]
mod tests {
    use super::super::step::tests::campaign;
    use super::*;
    use crate::model::{CampaignStatus, Days};

    const HOUR_MS: i64 = 3_600_000;
    /// 2026-06-15, a Monday, 12:00 UTC: 8 in New York, 5 in Los Angeles, 21 in Tokyo.
    const NOON: Timestamp = Timestamp(1_781_524_800_000);

    fn from_nine_to_eight() -> Campaign {
        let callee_window = Window { minutes: Some((540, 1_200)), days: None };
        let zone = "Europe/London".parse().expect("a zone");
        Campaign { callee_window, zone, ..campaign(CampaignStatus::Running, true, 1) }
    }

    fn recipient(phone: &str, zone: Option<&str>) -> NewRecipient {
        let zone = zone.map(|zone| zone.parse().expect("a zone"));
        NewRecipient { phone: phone.parse().expect("a number"), variables: Vec::new(), prompt: None, zone }
    }

    fn hours(campaign: &Campaign, recipients: &[NewRecipient], now: Timestamp) -> Vec<Hours> {
        let hours = of(campaign, recipients.iter(), now);
        for (recipient, hours) in recipients.iter().zip(&hours) {
            assert_eq!(are_open(campaign, recipient, now), *hours == Hours::Open, "{}", recipient.phone);
        }
        hours
    }

    #[test]
    fn each_callees_own_clock_decides() {
        let hour = |hours: i64| Hours::Later(Timestamp(NOON.0 + hours * HOUR_MS));
        let recipients = [
            ("+12125551234", None),
            ("+14155551234", None),
            ("+81312345678", None),
            ("+447386172392", None),
            // It moved, or was carried away.
            ("+12125551234", Some("Europe/Paris")),
            // Adak is an hour behind Anchorage: it opens when both are.
            ("+19075551234", None),
            // A satellite's: nobody knows where.
            ("+881612345678", None),
        ]
        .map(|(phone, zone)| recipient(phone, zone));
        let found = hours(&from_nine_to_eight(), &recipients, NOON);
        assert_eq!(found, [hour(1), hour(4), hour(12), Hours::Open, Hours::Open, hour(6), Hours::Open]);
    }

    #[test]
    fn a_number_of_half_the_world_has_no_hour_and_one_of_a_continent_few() {
        let recipients = ["+18005551234", "+61412345678"].map(|phone| recipient(phone, None));
        let found = hours(&from_nine_to_eight(), &recipients, NOON);
        // It is nine on the Cocos Islands at 02:30 UTC, and eight on Lord Howe at 09:30.
        assert_eq!(found, [Hours::Never, Hours::Later(Timestamp(NOON.0 + 14 * HOUR_MS + HOUR_MS / 2))]);
    }

    #[test]
    fn the_campaigns_own_window_holds_beside_the_callees() {
        // From 13 to 18 in London, where it is 13: in New York that is from 8 on, in Los Angeles 5, and 21 in Tokyo.
        let window = Window { minutes: Some((780, 1_080)), days: None };
        let afternoons = Campaign { window, ..from_nine_to_eight() };
        let recipients = ["+12125551234", "+14155551234", "+81312345678"].map(|phone| recipient(phone, None));
        let hour = |hours: i64| Hours::Later(Timestamp(NOON.0 + hours * HOUR_MS));
        assert_eq!(hours(&afternoons, &recipients, NOON), [hour(1), hour(4), Hours::Never]);
        let tuesdays = Window { minutes: window.minutes, days: Days::from_names(["tue"]) };
        let found = of(&Campaign { window: tuesdays, ..afternoons }, recipients.iter(), NOON);
        assert_eq!(found, [hour(25), hour(28), Hours::Never]);
    }

    #[test]
    fn days_are_those_of_the_callees_calendar() {
        let days = Days::from_names(["tue"]);
        let campaign = Campaign { callee_window: Window { minutes: None, days }, ..from_nine_to_eight() };
        let recipients = ["+81312345678", "+12125551234"].map(|phone| recipient(phone, None));
        let later = |hours: i64| Hours::Later(Timestamp(NOON.0 + hours * HOUR_MS));
        assert_eq!(
            hours(&campaign, &recipients, NOON),
            [later(3), later(16)],
            "it is Tuesday in Tokyo first"
        );
    }

    #[test]
    fn without_a_window_nobodys_clock_is_asked() {
        let campaign = Campaign { callee_window: Window::default(), ..from_nine_to_eight() };
        assert_eq!(hours(&campaign, &[recipient("+18005551234", None)], NOON), [Hours::Open]);
    }
}
