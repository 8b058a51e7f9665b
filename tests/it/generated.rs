//! Compares the generated code of the examples with the output of its generator.

use std::{env, fs, path::Path};

use prost::Message;

/// The environment variable that makes the test overwrite stale files.
const REGENERATE: &str = "TOWER_AUTHN_REGENERATE";

#[test]
fn the_checked_in_code_is_up_to_date_with_its_proto() {
    let checked_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/inference");
    let generated = env::temp_dir().join(format!("tower-authn-generated-{}", std::process::id()));
    fs::create_dir_all(&generated).unwrap();

    let mut descriptors = protox::compile(["inference.proto"], [&checked_in]).unwrap();
    tonic_prost_build::configure()
        .emit_rerun_if_changed(false)
        .out_dir(&generated)
        .compile_fds(descriptors.clone())
        .unwrap();
    // Reflection does not use comments and positions.
    for file in &mut descriptors.file {
        file.source_code_info = None;
    }
    let descriptor_set = generated.join("inference.v1.bin");
    fs::write(descriptor_set, descriptors.encode_to_vec()).unwrap();

    let names = ["inference.v1.bin", "inference.v1.rs"];
    let stale: Vec<&str> = names
        .into_iter()
        .filter(|name| {
            let current = fs::read(generated.join(name)).unwrap();
            let stale = fs::read(checked_in.join(name)).ok() != Some(current);
            if stale && env::var_os(REGENERATE).is_some() {
                fs::copy(generated.join(name), checked_in.join(name)).unwrap();
            }
            stale
        })
        .collect();
    fs::remove_dir_all(&generated).unwrap();
    assert!(
        stale.is_empty(),
        "stale: {stale:?}; run this test once with {REGENERATE}=1"
    );
}
