"""What a kWh in the car is worth, hour by hour: prices, sun and departures turned into one number."""
