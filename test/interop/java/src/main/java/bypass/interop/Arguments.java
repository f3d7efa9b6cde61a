package bypass.interop;

import java.util.HashMap;
import java.util.Map;

/** Command line of `name=value` words. */
final class Arguments {
    private final Map<String, String> values = new HashMap<>();

    Arguments(final String[] words) {
        for (final String word : words) {
            final int equals = word.indexOf('=');
            if (equals < 0) {
                throw new IllegalArgumentException("expected name=value: " + word);
            }
            values.put(word.substring(0, equals), word.substring(equals + 1));
        }
    }

    String text(final String name) {
        final String value = values.get(name);
        if (value == null) {
            throw new IllegalArgumentException("missing argument: " + name);
        }
        return value;
    }

    /** Separated by `;`. None when the argument is missing or empty. */
    String[] list(final String name) {
        final String value = values.getOrDefault(name, "");
        return value.isEmpty() ? new String[0] : value.split(";");
    }

    int number(final String name) {
        return Integer.parseInt(text(name));
    }

    boolean flag(final String name) {
        return Boolean.parseBoolean(text(name));
    }
}
