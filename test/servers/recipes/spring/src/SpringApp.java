package isthmus;

import java.net.http.HttpClient;
import java.time.Duration;
import java.util.List;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.cloud.client.ServiceInstance;
import org.springframework.cloud.client.discovery.DiscoveryClient;
import org.springframework.cloud.client.loadbalancer.LoadBalanced;
import org.springframework.context.annotation.Bean;
import org.springframework.http.ResponseEntity;
import org.springframework.http.client.JdkClientHttpRequestFactory;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.client.RestClientException;
import org.springframework.web.client.RestTemplate;

/** A Spring Cloud service as people write them: it finds and balances by its registry's SDK. */
@SpringBootApplication
@RestController
public class SpringApp {
  private final DiscoveryClient discovery;
  private final RestTemplate http;

  public SpringApp(DiscoveryClient discovery, RestTemplate http) {
    this.discovery = discovery;
    this.http = http;
  }

  /** What the called instance answers, or 502 and why it could not be called. */
  @GetMapping("/call/{service}")
  public ResponseEntity<String> call(@PathVariable("service") String service) {
    try {
      return ResponseEntity.ok(http.getForObject("http://" + service + "/", String.class));
    } catch (RestClientException | IllegalStateException e) {
      return ResponseEntity.status(502).body(String.valueOf(e.getMessage()));
    }
  }

  @GetMapping("/instances/{service}")
  public List<ServiceInstance> instances(@PathVariable("service") String service) {
    return discovery.getInstances(service);
  }

  public static void main(String[] args) {
    SpringApplication.run(SpringApp.class, args);
  }
}

@org.springframework.context.annotation.Configuration
class Http {
  @Bean
  @LoadBalanced
  RestTemplate restTemplate() {
    // Longer than a busy machine leaves a call lying: an error is to be the work of an instance, not of the test's neighbours.
    var timeout = Duration.ofSeconds(10);
    var factory = new JdkClientHttpRequestFactory(HttpClient.newBuilder().connectTimeout(timeout).build());
    factory.setReadTimeout(timeout);
    return new RestTemplate(factory);
  }
}
