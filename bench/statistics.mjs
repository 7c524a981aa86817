// Medians and spreads.

/** @param {readonly number[]} values @returns {number} `NaN` for none */
export function median(values) {
  return percentile(values, 50);
}

/** The value below which `percent` of the values are, interpolated between neighbours. */
export function percentile(values, percent) {
  if (values.length === 0) return Number.NaN;
  const sorted = Float64Array.from(values).toSorted();
  const place = ((sorted.length - 1) * percent) / 100;
  const below = sorted[Math.floor(place)];
  return below + (sorted[Math.ceil(place)] - below) * (place % 1);
}

/** Median, smallest and largest. */
export function spread(values) {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

export function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}
