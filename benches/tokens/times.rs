//! Measures how long verdicts take, side by side.

use std::time::{Duration, Instant};

use tokio::runtime::Runtime;

use super::{Scale, lanes::make_lanes, loads::Loaded};

pub fn report(runtime: &Runtime, scale: Scale, loaded: &Loaded) {
    let mut lanes = make_lanes(runtime, scale, loaded);
    let mut times = vec![Vec::with_capacity(scale.rounds); lanes.len()];
    for round in 0..scale.rounds {
        for (lane, times) in lanes.iter_mut().zip(&mut times) {
            let begin = Instant::now();
            for n in 0..scale.requests {
                (lane.run)(round * scale.requests + n);
            }
            times.push(begin.elapsed());
        }
    }
    times.iter_mut().for_each(|times| times.sort());
    let ns = |time: Duration| time.as_secs_f64() * 1e9 / scale.requests as f64;
    let rounds = [0, scale.rounds / 2, scale.rounds * 9 / 10];
    println!("\n| ns | least | median | 9 of 10 | over its floor, least | median | 9 of 10 |");
    println!("|---|---|---|---|---|---|---|");
    for (lane, own) in lanes.iter().zip(&times) {
        let floor = lane.floor.map(|floor| &times[floor]);
        let over_floor = |round: usize| match floor {
            Some(floor) => format!("{:.0}", ns(own[round]) - ns(floor[round])),
            None => "-".to_owned(),
        };
        let absolute = rounds.map(|round| format!("{:.0}", ns(own[round])));
        println!(
            "| {} | {} | {} |",
            lane.name,
            absolute.join(" | "),
            rounds.map(over_floor).join(" | ")
        );
    }
}
