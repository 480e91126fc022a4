"""What is known of cars: what they draw of an offer, whether they wake again, how full they are. Pure."""
