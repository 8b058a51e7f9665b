//! Measures whole calls with criterion: `cargo bench --all-features --bench validate`.

#![expect(
    unreachable_pub,
    reason = "modules of one program, nothing is reachable"
)]

mod contenders;

use criterion::{Criterion, criterion_group, criterion_main};

use self::contenders::Case;

fn validate(criterion: &mut Criterion) {
    let mut contenders = contenders::all();
    for case in Case::ALL {
        let mut group = criterion.benchmark_group(format!("{case:?}").to_lowercase());
        for contender in &mut contenders {
            contender.check();
            let name = contender.name.replace(['*', '`'], "");
            group.bench_function(name, |bencher| bencher.iter(|| contender.send(case)));
        }
    }
}

criterion_group!(benches, validate);
criterion_main!(benches);
