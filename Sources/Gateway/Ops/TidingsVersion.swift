// Which Tidings this is: `--version`, /metrics and the ops page say the same.

/// The version of this build.
public enum TidingsVersion {
    public static let text = "0.1.0"
}
