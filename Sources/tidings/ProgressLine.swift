// One line on a terminal that is written over and over while something long is under way. Elsewhere than on a
// terminal: nothing.

import Foundation

/// A line of progress on standard error. Lives on the command's one thread.
final class ProgressLine {
    private let isTerminal = isatty(2) == 1
    private var shownAt = ContinuousClock.now - .seconds(1)

    /// At most ten times a second.
    func show(_ text: @autoclosure () -> String) {
        let now = ContinuousClock.now
        guard isTerminal, now - shownAt > .milliseconds(100) else { return }
        shownAt = now
        write("\r\u{1B}[2K" + text())
    }

    func clear() {
        if isTerminal { write("\r\u{1B}[2K") }
    }

    private func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}
