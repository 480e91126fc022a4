"""The simulated house: sun, load, car, go-e box, its cloud and its meter, on the real protocols."""
