// What `/metrics` says. Every family stands here with its help, next to the tally it is read from.

import Domain
import Events
import FanOut
import HTTP
import Journal
import Lanes
import Registry
import SQLiteEngine
import Telemetry

/// What all loops have counted.
struct Tallies: Sendable {
    var shards = ShardCounts()
    var requests = RequestCounts()
    var streams = 0
    var longestTurn = Duration.zero
    var exhaustions = 0
    var states: [StreamReport.State: Int] = [:]
    var bufferedBytes = 0

    static func += (sum: inout Tallies, other: Tallies) {
        sum.shards += other.shards
        sum.requests.connections += other.requests.connections
        sum.requests.answers.merge(other.requests.answers, uniquingKeysWith: +)
        sum.streams += other.streams
        sum.longestTurn = max(sum.longestTurn, other.longestTurn)
        sum.exhaustions += other.exhaustions
        sum.states.merge(other.states, uniquingKeysWith: +)
        sum.bufferedBytes += other.bufferedBytes
    }
}

/// The text of one scrape. A value.
struct MetricsPage {
    let text: String

    init(_ services: Services, _ tallies: Tallies) {
        var page = PrometheusText()
        let shards = tallies.shards
        page.family("tidings_streams", .gauge, "Open streams.", tallies.streams)
        page.family(
            "tidings_streams_by_state", .gauge, "Open streams, by what they are doing.",
            StreamReport.State.allCases.map { ([("state", $0.rawValue)], Double(tallies.states[$0] ?? 0)) })
        page.family("tidings_streams_opened_total", .counter, "Streams that were opened.", shards.opened)
        page.family(
            "tidings_streams_closed_total", .counter, "Streams that ended, by reason.",
            (["client", "slow"] + ByeReason.allCases.map(\.rawValue).filter { $0 != "slow" }).map {
                ([("reason", $0)], Double(shards.closed[$0] ?? 0))
            })
        page.family(
            "tidings_streams_turned_away_total", .counter,
            "Newcomers that got bye instead of a stream, by reason.",
            ByeReason.allCases.map { ([("reason", $0.rawValue)], Double(shards.turnedAway[$0] ?? 0)) })
        page.family(
            "tidings_resumes_total", .counter, "Streams begun, by what answered their position.",
            ResumeSource.allCases.map { ([("source", $0.rawValue)], Double(shards.resumed[$0] ?? 0)) })
        page.family(
            "tidings_events_sent_total", .counter, "Events handed to sockets, of every kind.", shards.frames)
        page.family(
            "tidings_deliveries_total", .counter, "Change events handed to sockets.", shards.deliveries)
        page.family("tidings_sent_bytes_total", .counter, "Bytes of events handed to sockets.", shards.bytes)
        page.family(
            "tidings_page_reads_total", .counter, "Backlog pages read from the state index.", shards.pageReads
        )
        page.family(
            "tidings_page_reads_shared_total", .counter, "Backlogs that joined a read under way.",
            shards.sharedReads)
        page.family(
            "tidings_tail_falls_total", .counter,
            "Times a stream had fallen behind its tail and read pages again.", shards.falls)
        page.family(
            "tidings_narrowed_streams_total", .counter,
            "Streams of businesses with more entity sets than have tails of their own.",
            shards.narrowedStreams)
        Self.addLatencies(shards, to: &page)
        page.family(
            "tidings_connections_total", .counter, "Connections accepted.", tallies.requests.connections)
        let places = services.places.counts
        page.family("tidings_connections_open", .gauge, "Connections that are open.", places.open)
        page.family(
            "tidings_connections_turned_away_total", .counter,
            "Connections for which there was no place, by the limit that was met.",
            [
                ([("limit", "connections")], Double(places.beyondTotal)),
                ([("limit", "connections_per_address")], Double(places.beyondAddress)),
            ])
        page.family(
            "tidings_request_bytes_held", .gauge, "Bytes held of requests that arrive or are answered.",
            services.exchanges.budget.usedBytes)
        page.family(
            "tidings_answer_bytes_held", .gauge, "Bytes of answers above 16 KiB that wait to be taken.",
            services.answers.usedBytes)
        page.family(
            "tidings_download_bytes_held", .gauge, "Bytes of full downloads on the disk, written or sent.",
            services.spools.usedBytes)
        page.family(
            "tidings_answers_total", .counter, "HTTP answers by status; 499: the peer had gone.",
            tallies.requests.answers.sorted { $0.key < $1.key }.map {
                ([("status", String($0.key))], Double($0.value))
            })
        page.family(
            "tidings_accept_exhaustions_total", .counter, "Times accepting paused for want of descriptors.",
            tallies.exhaustions)
        page.family(
            "tidings_reads_queued", .gauge, "Reads that wait for a database connection.",
            services.readers.queued)
        let tailer = services.status.tailer
        page.family(
            "tidings_head_seq", .gauge, "The newest journal row read.", Int(tailer.head?.seq.rawValue ?? 0))
        page.family("tidings_snapshots_total", .counter, "Snapshots the tailer read.", tailer.snapshots)
        page.family("tidings_journal_rows_total", .counter, "Journal rows the tailer read.", tailer.rows)
        page.family(
            "tidings_histories_total", .counter, "Times the journal was opened anew.", tailer.histories)
        let hooks = services.status.hooks
        page.family(
            "tidings_hook_problems", .gauge, "Reasons why tables are not followed at this moment.",
            hooks.reasons.count)
        page.family(
            "tidings_hooks_restored_total", .counter, "Hooks that were gone or altered, and made anew.",
            hooks.restored)
        page.family(
            "tidings_hook_retold_records_total", .counter,
            "Records journaled because their table had been unhooked.", hooks.retold)
        page.family(
            "tidings_audited_keys_total", .counter, "Keys that the background audit compared.", hooks.audited)
        page.family(
            "tidings_audit_repaired_records_total", .counter,
            "Records that the background audit found to differ, and journaled.", hooks.repaired)
        page.family(
            "tidings_audit_passes_total", .counter, "Whole audits of all tables.", hooks.passes)
        page.family(
            "tidings_ready", .gauge, "1 when clients should be sent here.",
            services.status.reasons.isEmpty ? 1 : 0)
        page.add(Purger.metrics)
        page.family(
            "tidings_buffered_bytes", .gauge, "Bytes of frames held for streams, each frame once.",
            tallies.bufferedBytes)
        page.family(
            "tidings_loop_longest_turn_seconds", .gauge,
            "The longest that work kept a loop at a stretch since the last scrape.",
            [([], tallies.longestTurn / .seconds(1))])
        page.add(EventLoop.metrics)
        Self.addProcess(to: &page)
        page.add(Registry.metrics)
        page.add(Drift.metrics)
        page.add(UploadDesk.metrics)
        page.family(
            "tidings_uploads_waiting", .gauge, "Uploads that wait for the writer, or are being written.",
            services.uploads?.waiting ?? 0)
        page.add([ReaderPool.readTimes, RateLimiter.refusals, SyncLog.dropped])
        page.family(
            "tidings_rate_windows_forgotten_total", .counter,
            "Windows of rate limits that began anew because rates.keys was reached.",
            services.rates.forgottenCount)
        page.add(Canary.metrics)
        page.add([Limit.met])
        text = page.text
    }

    private static func addLatencies(_ shards: ShardCounts, to page: inout PrometheusText) {
        func latency(_ name: StaticString, _ help: StaticString, _ tally: LatencyTally) {
            page.histogram(
                name, help, bounds: LatencyTally.boundsMicroseconds.map { Double($0) / 1_000_000 },
                buckets: tally.buckets, sum: Double(tally.sumMicroseconds) / 1_000_000)
        }
        latency(
            "tidings_commit_to_wire_seconds",
            "From a change's hook to its event handed to a socket, of streams that were open by then.",
            shards.wireLatency)
        latency(
            "tidings_backlog_to_wire_seconds",
            "The same of changes older than the stream, told from memory to who returned.",
            shards.backlogLatency)
    }

    private static func addProcess(to page: inout PrometheusText) {
        let figures = ProcessFigures.now()
        page.family(
            "tidings_resident_bytes", .gauge, "Memory of this process that is in use.", figures.residentBytes)
        page.family("tidings_open_files", .gauge, "Open descriptors.", figures.openFiles)
        page.family("tidings_open_files_max", .gauge, "Descriptors it may open.", figures.openFilesMax)
        page.family(
            "tidings_cpu_seconds_total", .counter, "Processor time used.", [([], figures.cpuSeconds)])
        page.family(
            "tidings_build_info", .gauge, "Always 1; the version is a label.",
            [([("version", TidingsVersion.text)], 1)])
    }
}
