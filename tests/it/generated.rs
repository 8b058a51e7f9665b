//! The generated code of the examples, compared with the generator's output.

use std::{env, fs, path::Path};

use prost::Message;

/// Set this variable to overwrite the checked-in files with the generated ones.
const REGENERATE: &str = "TOWER_AUTHN_REGENERATE";

#[test]
fn the_checked_in_code_is_up_to_date_with_its_proto() {
    let stale = [stale("inference"), stale("admin")].concat();
    assert!(
        stale.is_empty(),
        "{stale:?} differ from the generated files; run this test once with {REGENERATE}=1"
    );
}

/// Generates the code of `examples/NAME/NAME.proto`, and returns the checked-in files
/// that differ.
fn stale(name: &str) -> Vec<String> {
    let checked_in = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("examples")
        .join(name);
    let generated = env::temp_dir().join(format!("tower-authn-{name}-{}", std::process::id()));
    fs::create_dir_all(&generated).unwrap();

    let mut descriptors = protox::compile([format!("{name}.proto")], [&checked_in]).unwrap();
    tonic_prost_build::configure()
        .emit_rerun_if_changed(false)
        .out_dir(&generated)
        .compile_fds(descriptors.clone())
        .unwrap();
    // Reflection needs neither comments nor positions.
    for file in &mut descriptors.file {
        file.source_code_info = None;
    }
    let descriptor_set = generated.join(format!("{name}.v1.bin"));
    fs::write(descriptor_set, descriptors.encode_to_vec()).unwrap();

    let names = ["bin", "rs"].map(|extension| format!("{name}.v1.{extension}"));
    let stale = names.into_iter().filter(|name| {
        let new = fs::read(generated.join(name)).unwrap();
        let stale = fs::read(checked_in.join(name)).ok() != Some(new);
        if stale && env::var_os(REGENERATE).is_some() {
            fs::copy(generated.join(name), checked_in.join(name)).unwrap();
        }
        stale
    });
    let stale = stale.collect();
    fs::remove_dir_all(&generated).unwrap();
    stale
}
