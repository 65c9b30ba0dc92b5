//! What stands on the page.

use super::{flow::GroupSize, *};

const LEVELS: Levels = Levels { head: 12, covered: 9, read_only: false };

fn lines(page: &str) -> Vec<&str> {
    page.lines().filter(|line| !line.starts_with('#')).collect()
}

fn line<'p>(page: &'p str, beginning: &str) -> &'p str {
    lines(page).into_iter().find(|line| line.starts_with(beginning)).unwrap_or_default()
}

#[test]
fn what_is_counted_is_on_the_page() {
    let metrics = Metrics::new(1_000).unwrap();
    let calls = metrics.calls.of(CallKind::Unary, "a.Service", "Method");
    calls.started();
    calls.started();
    calls.handled("OK", Duration::from_millis(3));
    metrics.refused("BUSY");
    metrics.flow.waited(Duration::from_micros(200));
    let group = GroupSize { commands: 3, records: 4, bytes: 2_000 };
    metrics.flow.appended(group, Duration::from_millis(1));
    metrics.flow.flushed(Duration::from_micros(90));
    metrics.views_are_at(10);
    metrics.disk_full.set(true);
    metrics.journal_unreachable.set(true);
    metrics.left_out();
    metrics.disk_has(5_000);
    let (_open, closed) = (metrics.connection(), metrics.connection());
    drop(closed);
    metrics.backed_up();
    let page = metrics.page(Some(LEVELS)).unwrap();
    let method = r#"grpc_method="Method",grpc_service="a.Service",grpc_type="unary""#;
    let labels = format!(r#"grpc_code="OK",{method}"#);
    for expected in [
        &*format!("grpc_server_started_total{{{method}}} 2"),
        &format!("grpc_server_handled_total{{{labels}}} 1"),
        &format!(r#"grpc_server_handling_seconds_bucket{{{method},le="0.0025"}} 0"#),
        &format!(r#"grpc_server_handling_seconds_bucket{{{method},le="0.005"}} 1"#),
        r#"judgement_ledger_refusals_total{reason="BUSY"} 1"#,
        "judgement_ledger_queue_wait_seconds_count 1",
        "judgement_ledger_group_commands_sum 3",
        "judgement_ledger_group_records_sum 4",
        "judgement_ledger_group_bytes_sum 2000",
        "judgement_ledger_append_seconds_count 1",
        r#"judgement_ledger_flush_seconds_bucket{le="0.0001"} 1"#,
        "judgement_ledger_head_position 12",
        "judgement_ledger_covered_position 9",
        "judgement_ledger_views_applied_position 10",
        "judgement_ledger_views_lag_records 2",
        "judgement_ledger_disk_full 1",
        "judgement_ledger_journal_unreachable 1",
        "judgement_ledger_disk_free_bytes 5000",
        "judgement_ledger_connections 1",
        "judgement_ledger_read_only 0",
        "judgement_ledger_log_lines_left_out_total 1",
        "process_start_time_seconds 1000",
        r#"judgement_ledger_build_info{version="0.1.0"} 1"#,
    ] {
        assert!(lines(&page).contains(&expected), "{expected} is not in\n{page}");
    }
    let number = |name: &str| line(&page, name).rsplit(' ').next().unwrap().parse::<f64>().unwrap();
    let backed_up = number("judgement_ledger_backup_timestamp_seconds ");
    assert!((1_000.0..1_060.0).contains(&backed_up), "{backed_up}");
    assert!(number("process_resident_memory_bytes ") > 1e6, "{page}");
    let (open, most) = (number("process_open_fds "), number("process_max_fds "));
    assert!(open > 2.0 && open < most, "{open} of {most}");
}

#[test]
fn the_slowest_stream_says_how_far_behind_streams_are() {
    let metrics = Metrics::new(0).unwrap();
    let page = || metrics.page(Some(LEVELS)).unwrap();
    assert_eq!(line(&page(), "judgement_ledger_streams "), "judgement_ledger_streams 0");
    let (slow, fast) = (metrics.readers.begin(2), metrics.readers.begin(2));
    fast.told(12);
    slow.told(5);
    assert_eq!(line(&page(), "judgement_ledger_streams "), "judgement_ledger_streams 2");
    let lag = "judgement_ledger_streams_lag_records";
    assert_eq!(line(&page(), lag), format!("{lag} 7"));
    drop(slow);
    assert_eq!(line(&page(), lag), format!("{lag} 0"));
    drop(fast);
    assert_eq!(line(&page(), "judgement_ledger_streams "), "judgement_ledger_streams 0");
}

#[test]
fn two_ledgers_of_one_process_count_apart() {
    let (one, other) = (Metrics::new(0).unwrap(), Metrics::new(0).unwrap());
    one.refused("BUSY");
    assert_eq!(line(&other.page(None).unwrap(), "judgement_ledger_refusals_total"), "");
}

#[test]
fn every_metric_has_a_unit_last_and_words_that_explain_it() {
    let page = Metrics::new(0).unwrap().page(Some(LEVELS)).unwrap();
    let units = ["seconds", "bytes", "total", "position", "records", "commands"];
    let states =
        ["streams", "connections", "disk_full", "journal_unreachable", "read_only", "build_info"];
    // As Prometheus names them.
    let given = ["process_open_fds", "process_max_fds"];
    let named = page.lines().filter_map(|line| line.strip_prefix("# HELP "));
    let mut seen = 0;
    for (name, help) in named.filter_map(|line| line.split_once(' ')) {
        let last = name.rsplit('_').next().unwrap();
        let state = states.iter().any(|state| name == format!("judgement_ledger_{state}"));
        assert!(units.contains(&last) || state || given.contains(&name), "{name} has no unit");
        assert!(help.len() > 10 && help.ends_with('.'), "{name}: {help}");
        seen += 1;
    }
    assert!(seen > 12, "{page}");
}
