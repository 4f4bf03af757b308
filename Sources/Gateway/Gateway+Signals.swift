// What signals do: SIGTERM and SIGINT drain, a second one ends at once; SIGHUP reads the configuration again,
// and no stream notices.

import Events
import Glibc
import Lanes
import Logging
public import Settings

extension Gateway {
    /// Waits for SIGTERM or SIGINT and drains; `done` is called when all is over. Never returns before.
    ///
    /// - Parameters:
    ///   - reading: Reads the configuration anew, on SIGHUP. What is wrong with it is logged, and nothing
    ///     changes.
    ///   - ready: Called once signals are heard: whoever learns that clients are served may send one then.
    public func runUntilSignalled(
        reading: @Sendable @escaping () throws(ConfigurationError) -> Configuration,
        ready: () -> Void, _ done: @Sendable @escaping () -> Void
    ) {
        let (heard, ended) = (Latch(), Latch())
        let traps = Confined(on: loops[0]) { SignalTraps() }
        traps.post { [self] traps in
            traps.all.append(SignalTrap(SIGHUP, on: loops[0]) { [self] in reload(reading) })
            var isDraining = false
            for signal in [SIGTERM, SIGINT] {
                traps.all.append(
                    SignalTrap(signal, on: loops[0]) { [self] in
                        if isDraining { return ended.open() }
                        isDraining = true
                        drain { ended.open() }
                    })
            }
            heard.open()
        }
        while !heard.wait(limit: .seconds(3_600)) {}
        ready()
        ReadyNotice.send()
        while !ended.wait(limit: .seconds(3_600)) {}
        services.log.notice("ended")
        done()
    }

    /// Off the loop: it reads a file.
    private func reload(_ reading: @Sendable @escaping () throws(ConfigurationError) -> Configuration) {
        registryLane.post { [services] in
            do throws(ConfigurationError) {
                let (changed, waiting) = services.reload(try reading())
                let names = changed.isEmpty ? "nothing" : changed.joined(separator: " ")
                services.log.notice("configuration reloaded", metadata: ["changed": "\(names)"])
                if !waiting.isEmpty {
                    let names = waiting.joined(separator: " ")
                    services.log.warning(
                        "settings that wait for a restart", metadata: ["settings": "\(names)"])
                }
            } catch {
                for problem in error.problems {
                    services.log.error("configuration not reloaded", metadata: ["problem": "\(problem)"])
                }
            }
        }
    }

    /// The traps. Live on the first loop.
    private final class SignalTraps {
        var all: [SignalTrap] = []
    }
}
