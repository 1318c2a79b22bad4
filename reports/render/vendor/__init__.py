"""Software of others, as published: uPlot 1.6.32 (npm package `uplot`), MIT; its licence text is in LICENSE.uPlot."""
