//! Where a person stands with a programme on a day, by the history that its episodes keep.
//! <https://hl7.org/fhir/R4/episodeofcare-definitions.html#EpisodeOfCare.statusHistory>

use jiff::civil::Date;
use serde_json::Value;

use crate::fhir::resource::Resource;
use crate::palliative::element::day;
use crate::palliative::enrollment::facts::Actor;
use crate::palliative::enrollment::facts::list;
use crate::palliative::enrollment::facts::state_of;
use crate::palliative::enrollment::state::State;
use crate::palliative::enrollment::table::Action;
use crate::palliative::enrollment::table::TRANSITIONS;
use crate::palliative::enrollment::tiers;
use crate::palliative::enrollment::transition::permit;
use crate::palliative::vocabulary::STATE_EXTENSION;

/// One episode as it stood on a day.
#[derive(Clone, Copy, Debug)]
pub struct Standing<'a> {
    /// The episode.
    pub episode: &'a Resource,
    /// Its state on that day.
    pub state: State,
    /// The day on which that state began.
    pub since: Date,
    /// Whether it is in that state still.
    pub lasts: Lasts,
    /// The state in which it is by now, with its day after that one: of today it is yet to come, for a step may be dated
    /// ahead.
    pub later: Option<(State, Date)>,
}

/// Whether what was so on the day asked about is so still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasts {
    /// It is.
    Still,
    /// Another state followed.
    Past,
}

/// Where the person stood by that day: the episode that began last, of those that were no mistake.
pub fn on<'a>(episodes: impl Iterator<Item = &'a Resource>, date: Date) -> Option<Standing<'a>> {
    let real = episodes.filter(|episode| state_of(episode).is_some_and(|it| it != State::EnteredInError));
    real.filter_map(|episode| Some((begun(episode)?, of(episode, date)?)))
        .max_by_key(|(begun, standing)| (*begun, standing.state.is_open(), standing.since))
        .map(|(_, standing)| standing)
}

fn begun(episode: &Resource) -> Option<Date> {
    list(episode.get("statusHistory")).filter_map(start).min()
}

/// The state that was recorded last of those that had begun by the day.
fn of(episode: &Resource, date: Date) -> Option<Standing<'_>> {
    let entries: Vec<(State, Date)> = list(episode.get("statusHistory")).filter_map(entry).collect();
    let at = entries.iter().rposition(|(_, start)| *start <= date)?;
    let (state, since) = entries[at];
    let lasts = if at + 1 == entries.len() { Lasts::Still } else { Lasts::Past };
    let later = entries[at + 1..].last().copied();
    Some(Standing { episode, state, since, lasts, later })
}

fn entry(entry: &Value) -> Option<(State, Date)> {
    let of_state = |one: &&Value| one.get("url").and_then(Value::as_str) == Some(STATE_EXTENSION);
    let code = list(entry.get("extension")).find(of_state)?.pointer("/valueCoding/code")?.as_str()?;
    Some((State::parse(code)?, start(entry)?))
}

fn start(entry: &Value) -> Option<Date> {
    day(entry.pointer("/period/start")?.as_str()?)
}

impl Standing<'_> {
    /// The tier of need, where it was on the episode by that day.
    pub fn tier(&self, date: Date) -> Option<&str> {
        tiers::on(self.episode, date)
    }

    /// What this actor may do next, from the state as it is or, of one that has passed, from the one that is to come;
    /// nothing where there is none.
    pub fn allowed(&self, actor: &Actor, coming: Option<State>) -> Vec<Action> {
        let state = match self.lasts {
            Lasts::Still => Some(self.state),
            Lasts::Past => coming,
        };
        let Some(state) = state else { return Vec::new() };
        let mut actions: Vec<Action> = Vec::new();
        let rows = TRANSITIONS.iter().filter(|row| row.starts_from(state));
        for row in rows.filter(|row| permit(actor, row).is_ok()) {
            if !actions.contains(&row.action) {
                actions.push(row.action);
            }
        }
        actions
    }
}

#[cfg(test)]
mod tests {
    use super::Lasts;
    use super::State;
    use super::on;
    use super::state_of;
    use crate::palliative::enrollment::facts::Side;
    use crate::palliative::enrollment::request::Request;
    use crate::palliative::enrollment::table::Action;
    use crate::palliative::enrollment::tests::World;
    use crate::palliative::enrollment::tests::on as done;
    use crate::palliative::enrollment::tests::referral;
    use crate::palliative::enrollment::tests::request;
    use crate::palliative::enrollment::transition::Beside;
    use crate::palliative::enrollment::transition::decide;

    /// What `on` says of the world's person: state, since and tier.
    fn said(world: &World, date: &str) -> Option<(&'static str, String, Option<String>)> {
        let date = date.parse().unwrap();
        let episodes = world.resources.values().filter(|one| one.ty().name() == "EpisodeOfCare");
        on(episodes, date).map(|it| (it.state.code(), it.since.to_string(), it.tier(date).map(str::to_owned)))
    }

    #[test]
    fn each_day_has_the_state_that_had_begun_by_then() {
        let mut world = World::new();
        world.enrolled();
        world.today = "2026-03-01".into();
        world.act(&done(Action::Hold, "2026-02-01", "hold-travel")).unwrap();
        world.act(&done(Action::Resume, "2026-02-10", "hold-travel")).unwrap();
        world.act(&done(Action::Discharge, "2026-03-20", "moved-out-of-area")).unwrap();
        let tier = || Some("tier-3".to_owned());
        for (date, expected) in [
            ("2026-01-11", None),
            ("2026-01-12", Some(("referred", "2026-01-12".to_owned(), None))),
            ("2026-01-15", Some(("enrolled", "2026-01-15".to_owned(), tier()))),
            ("2026-02-01", Some(("on-hold", "2026-02-01".to_owned(), tier()))),
            ("2026-02-10", Some(("enrolled", "2026-02-10".to_owned(), tier()))),
            ("2026-03-19", Some(("enrolled", "2026-02-10".to_owned(), tier()))),
            ("2026-03-20", Some(("discharged", "2026-03-20".to_owned(), tier()))),
        ] {
            assert_eq!(said(&world, date), expected, "{date}");
        }
    }

    #[test]
    fn a_later_episode_counts_before_an_earlier_one_and_a_mistake_never() {
        let mut world = World::new();
        world.enrolled();
        world.act(&done(Action::Discharge, "2026-01-15", "patient-request")).unwrap();
        world.today = "2026-02-01".into();
        let again = crate::palliative::enrollment::refer::Referral {
            received: "2026-02-01".parse().unwrap(),
            ..referral()
        };
        world.refer(&again).unwrap();
        assert_eq!(said(&world, "2026-01-31").unwrap().0, "discharged");
        assert_eq!(said(&world, "2026-02-01").unwrap().0, "referred");
        let second =
            world.resources.values().find(|one| state_of(one) == Some(State::Referred)).unwrap().clone();
        let void = Request { reasons: vec!["duplicate".into()], ..request(Action::Void) };
        let mistake = world.with_case(&second, |case| decide(case, &void, Beside::default())).unwrap();
        world.write(&mistake);
        assert_eq!(said(&world, "2026-02-01").unwrap().0, "discharged");
    }

    #[test]
    fn what_may_be_done_next_is_what_the_actor_may_do_while_the_state_lasts() {
        let mut world = World::new();
        world.enrolled();
        let allowed = |world: &World, date: &str| {
            let episodes = world.resources.values().filter(|one| one.ty().name() == "EpisodeOfCare");
            let it = on(episodes, date.parse().unwrap()).unwrap();
            let codes: Vec<_> = it.allowed(&world.actor, None).into_iter().map(Action::code).collect();
            (it.lasts, codes.join(" "))
        };
        let all = "hold transfer graduate discharge hospice-elect death void";
        assert_eq!(allowed(&world, "2026-01-15"), (Lasts::Still, all.to_owned()));
        assert_eq!(allowed(&world, "2026-01-14").0, Lasts::Past);
        assert_eq!(allowed(&world, "2026-01-14").1, "");
        world.actor.roles.clear();
        let team = "hold transfer graduate discharge hospice-elect death";
        assert_eq!(allowed(&world, "2026-01-15").1, team);
        world.actor.side = Side::Patient;
        assert_eq!(allowed(&world, "2026-01-15").1, "discharge hospice-elect");
    }
}
